package page
import ("testing";"os";"context";"time";"github.com/chromedp/chromedp";"github.com/chromedp/cdproto/cdp";"github.com/chromedp/cdproto/log";"github.com/chromedp/cdproto/runtime")
func TestReal(t *testing.T) {
	u := os.Getenv("OIBUS_REAL"); if u=="" { t.Skip() }
	sharedBrowser.once.Do(startBrowser)
	ctx, cancel := chromedp.NewContext(sharedBrowser.ctx, chromedp.WithNewBrowserContext())
	defer cancel()
	_ = context.Background
	b := &tab{t: t, ctx: ctx, url: u}
	chromedp.Listen(ctx, b.listen)
	b.run(call(log.Enable, cdp.Empty{}), call(runtime.Enable, cdp.Empty{}))
	b.size(1280, 900, "light")
	b.open("/scan-modes")
	b.until("location.pathname==='/login'")
	b.fillIn("#login-name", "admin"); b.fillIn("#login-password", "S3cretword"); b.click("button[type=submit]")
	b.until("location.pathname==='/scan-modes'")
	b.until(rowsShown); b.shoot("real-scan-modes"); b.quiet()
	b.click("[data-create]"); b.fillIn("#editor [name=name]", "Every hour"); b.fillIn("#editor [name=cron]", "0 0 6 * * mon-fri")
	b.until("document.querySelector('.verify-next li')"); b.click("#editor button[type=submit]"); b.until("document.querySelector('[data-field=name].invalid')"); b.shoot("real-scan-mode-editor")
	t.Log(b.errorOf("name"))
	b.fillIn("#editor [name=name]", "Mornings "+time.Now().Format("150405")); b.click("#editor button[type=submit]"); b.toast("Mornings"); b.quiet("400")
	b.open("/settings"); b.until("!document.querySelector('#logger').hidden")
	b.do("const s=document.querySelector('[name=\"oia.level\"]'); s.value='info'; s.dispatchEvent(new Event('change',{bubbles:true}))")
	b.click("#logger button[type=submit]"); b.toast("Logging saved")
	b.fillIn("#logger [name=\"loki.interval\"]", "12"); b.click("#logger button[type=submit]"); b.until("document.querySelector('#logger .dirty').hidden")
	b.click("#proxy .switch"); b.fillIn("#proxy [name=port]", "2299"); b.click("#proxy button[type=submit]"); b.until("document.querySelector('#proxy .invalid')"); t.Log(b.errorOf("port")); b.quiet("400")
	b.fillIn("#proxy [name=port]", "9377"); b.click("#proxy button[type=submit]"); b.toast("Proxy server saved"); b.shoot("real-settings"); b.quiet("400")
	b.open("/registration"); b.until("!document.querySelector('#registration-form').hidden")
	b.fillIn("[name=host]", "http://127.0.0.1:4599"); b.click("#test"); b.until("document.querySelector('#test-result').className.match(/ok|bad/)"); t.Log(b.text("document.querySelector('#test-result').textContent"))
	b.click("#submit"); b.until("document.querySelector('#code').textContent.length===6"); b.until("/Valid for/.test(document.querySelector('#countdown').textContent)"); b.shoot("real-pending"); b.quiet()
	for _, p := range []string{"/", "/commands", "/logs", "/ip-filters","/certificates","/users","/account","/about"} {
		b.open(p); b.until("!document.querySelector('[data-state=busy]:not([hidden])')"); time.Sleep(1200*time.Millisecond); b.shoot("real-"+p[1:]); b.quiet()
		t.Log(p, b.text(walk))
	}
	b.open("/ip-filters"); b.until("!document.querySelector('[data-state=busy]:not([hidden])')"); b.click("[data-create]"); b.fillIn("#editor [name=address]","10.0.0.*"); b.click("#editor button[type=submit]"); b.toast("saved")
	b.click(".head [data-create]"); b.fillIn("#editor [name=address]","10.0.0.*"); b.click("#editor button[type=submit]"); b.until("document.querySelector('[data-field=address].invalid')||document.querySelector('.form-error:not([hidden])')"); t.Log(b.text("document.querySelector('#editor').innerText.slice(0,400).replace(/\\s+/g,' ')"))
	b.open("/certificates"); b.until("!document.querySelector('[data-state=busy]:not([hidden])')"); b.click("[data-create]"); for k, v := range map[string]string{"name":"OPC UA","options.organizationName":"Acme","options.countryName":"FR","options.stateOrProvinceName":"Savoie","options.localityName":"Chambery"} { b.fillIn("#editor [name=\""+k+"\"]", v) }
	b.click("#editor button[type=submit]"); b.until(rowsShown); b.click("[data-open]"); b.until("document.querySelector('[data-detail=key]').textContent.includes('RSA')"); b.shoot("real-certificate"); b.quiet("400")
	b.open("/users"); b.until(rowsShown); b.click("[data-create]"); b.fillIn("#editor [name=login]","bob"); b.fillIn("#editor [name=password]","x1"); b.fillIn("#editor [name=repeat]","x1"); b.click("#editor button[type=submit]"); b.until("document.querySelector('#editor .invalid')||document.querySelector('.form-error:not([hidden])')");  t.Log(b.text("document.querySelector('#editor').innerText.slice(0,400).replace(/\\s+/g,' ')"))
	b.fillIn("#editor [name=login]","bobby"); b.click("#editor button[type=submit]"); b.until("document.querySelector('#editor .invalid')||document.querySelector('.toast')"); t.Log(b.text("document.querySelector('#editor').innerText.slice(0,300).replace(/\\s+/g,' ')"))
	b.open("/account"); b.until("!document.querySelector('#password').hidden"); b.fillIn("[name=currentPassword]","nope"); b.fillIn("[name=newPassword]","S3cretword2"); b.fillIn("#password [name=repeat]","S3cretword2"); b.click("#password button[type=submit]"); b.until("document.querySelector('[data-field=currentPassword].invalid')"); t.Log(b.errorOf("currentPassword"))
	b.fillIn("[name=currentPassword]","S3cretword"); b.click("#password button[type=submit]"); b.toast("Password changed"); b.open("/users"); b.until(rowsShown)
	b.open("/settings"); b.until("!document.querySelector('#web-server').hidden"); b.fillIn("#web-server [name=port]","2298"); b.click("#web-server button[type=submit]"); b.until("location.port==='2298'"); b.until("!document.querySelector('#web-server')?.hidden"); b.value("#web-server [name=port]","2298")
	b.url = "http://127.0.0.1:2298"
	b.open("/"); b.until("document.querySelector('[data-overview=uptime]').textContent !== '–'"); b.click("#restart"); b.click("#confirm-yes"); b.until("!document.querySelector('#offline').hidden"); b.shoot("real-restart")
}
