// What the libraries need of Intl: dates and numbers in English, in every time zone. It evaluates to a function that takes
// fieldsAt(milliseconds, zone) and the name of the local zone.
(function (fieldsAt, local) {
  "use strict";
  const months = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
  const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
  const two = n => (n < 10 ? "0" : "") + n;
  const named = (list, i, style) => style === "long" ? list[i] : style === "narrow" ? list[i][0] : list[i].slice(0, 3);
  const offsetText = (minutes, style) => {
    if (minutes === 0) return "GMT";
    const a = Math.abs(minutes), h = Math.floor(a / 60), m = a % 60, sign = minutes < 0 ? "-" : "+";
    return "GMT" + sign + (style === "longOffset" ? two(h) + ":" + two(m) : h + (m ? ":" + two(m) : ""));
  };

  class DateTimeFormat {
    #o; #zone;
    constructor(locale, options) {
      const o = Object.assign({}, options);
      this.#zone = o.timeZone === undefined ? local : String(o.timeZone);
      if (this.#zone === "Local") this.#zone = "UTC";
      if (o.timeZone !== undefined && !fieldsAt(0, this.#zone)) throw new RangeError("Invalid time zone specified: " + o.timeZone);
      const any = ["year", "month", "day", "weekday", "hour", "minute", "second", "dayPeriod", "fractionalSecondDigits", "dateStyle", "timeStyle", "era", "timeZoneName"];
      if (!any.some(k => o[k] !== undefined)) o.year = o.month = o.day = "numeric";
      if (o.dateStyle) { o.year = "numeric"; o.month = o.dateStyle === "short" ? "numeric" : o.dateStyle === "medium" ? "short" : "long"; o.day = "numeric"; if (o.dateStyle === "full") o.weekday = "long"; }
      if (o.timeStyle) { o.hour = "numeric"; o.minute = "2-digit"; if (o.timeStyle !== "short") o.second = "2-digit"; if (o.timeStyle === "full" || o.timeStyle === "long") o.timeZoneName = "short"; }
      this.#o = o;
    }
    formatToParts(date) {
      const o = this.#o, ms = date === undefined ? Date.now() : Number(date);
      if (!isFinite(ms)) throw new RangeError("Invalid time value");
      const f = fieldsAt(ms, this.#zone) || fieldsAt(ms, "UTC");
      const [year, month, day, hour, minute, second, weekday, abbreviation, offset] = f;
      const twelve = o.hour12 !== undefined ? o.hour12 : o.hourCycle ? o.hourCycle === "h12" || o.hourCycle === "h11" : true;
      const date_ = [], time = [], parts = [];
      const words = o.month === "long" || o.month === "short" || o.month === "narrow";
      const part = (type, value) => ({ type, value: String(value) });
      const y = year > 0 ? year : 1 - year;
      const shown = {
        year: () => part("year", o.year === "2-digit" ? two(y % 100) : y),
        month: () => part("month", words ? named(months, month - 1, o.month) : o.month === "2-digit" ? two(month) : month),
        day: () => part("day", o.day === "2-digit" ? two(day) : day),
      };
      const order = words ? ["month", "day", "year"] : ["month", "day", "year"];
      for (const k of order) {
        if (!o[k]) continue;
        if (date_.length) date_.push(part("literal", words ? (k === "year" && o.day ? ", " : " ") : "/"));
        date_.push(shown[k]());
      }
      if (o.era) { if (date_.length) date_.push(part("literal", " ")); date_.push(part("era", year > 0 ? (o.era === "long" ? "Anno Domini" : o.era === "narrow" ? "A" : "AD") : (o.era === "long" ? "Before Christ" : o.era === "narrow" ? "B" : "BC"))); }
      if (o.hour) { const h = twelve ? (hour % 12 || 12) : o.hourCycle === "h24" && hour === 0 ? 24 : hour; time.push(part("hour", o.hour === "2-digit" || !twelve ? two(h) : h)); }
      if (o.minute) { if (time.length) time.push(part("literal", ":")); time.push(part("minute", o.hour || o.minute === "2-digit" ? two(minute) : minute)); }
      if (o.second) { if (time.length) time.push(part("literal", ":")); time.push(part("second", o.minute || o.second === "2-digit" ? two(second) : second)); }
      if (o.fractionalSecondDigits) { time.push(part("literal", ".")); time.push(part("fractionalSecond", String(((ms % 1000) + 1000) % 1000).padStart(3, "0").slice(0, o.fractionalSecondDigits))); }
      if (o.hour && twelve) { time.push(part("literal", " ")); time.push(part("dayPeriod", hour < 12 ? "AM" : "PM")); }
      if (o.weekday) { parts.push(part("weekday", named(days, weekday, o.weekday))); if (date_.length || time.length) parts.push(part("literal", ", ")); }
      parts.push(...date_);
      if (date_.length && time.length) parts.push(part("literal", ", "));
      parts.push(...time);
      if (o.timeZoneName) {
        if (parts.length) parts.push(part("literal", ", ".slice(time.length ? 1 : 0)));
        const lettered = /^[A-Z]{2,5}$/.test(abbreviation) && /^(America|US|UTC|Etc)/.test(this.#zone);
        parts.push(part("timeZoneName", o.timeZoneName === "short" && lettered ? abbreviation : offsetText(offset, o.timeZoneName)));
      }
      return parts;
    }
    format(date) { return this.formatToParts(date).map(p => p.value).join(""); }
    resolvedOptions() { return { locale: "en-US", calendar: "gregory", numberingSystem: "latn", timeZone: this.#zone, hourCycle: this.#o.hourCycle, hour12: this.#o.hour12 }; }
    static supportedLocalesOf() { return ["en-US"]; }
  }

  class NumberFormat {
    #o;
    constructor(locale, options) { this.#o = Object.assign({ useGrouping: true, minimumIntegerDigits: 1, minimumFractionDigits: 0 }, options); }
    format(value) {
      const o = this.#o, most = Math.max(o.maximumFractionDigits === undefined ? 3 : o.maximumFractionDigits, o.minimumFractionDigits);
      let [whole, fraction = ""] = Math.abs(Number(value)).toFixed(Math.min(most, 100)).split(".");
      while (fraction.length > o.minimumFractionDigits && fraction.endsWith("0")) fraction = fraction.slice(0, -1);
      whole = whole.padStart(o.minimumIntegerDigits, "0");
      if (o.useGrouping) whole = whole.replace(/\B(?=(\d{3})+$)/g, ",");
      return (value < 0 ? "-" : "") + whole + (fraction ? "." + fraction : "");
    }
    resolvedOptions() { return Object.assign({ locale: "en-US", numberingSystem: "latn" }, this.#o); }
    static supportedLocalesOf() { return ["en-US"]; }
  }

  return { DateTimeFormat, NumberFormat, getCanonicalLocales: l => [].concat(l || []).map(String) };
})
