package cron

import "testing"

func TestMeaningsAreWordedAsInTheReference(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"* * * * * *":               "Every second, every minute, every hour, every day",
		"*/10 * * * * *":            "Every 10 seconds, every minute, every hour, every day",
		"0 * * * * *":               "Every minute, every hour, every day",
		"0 */10 * * * *":            "Every 10 minutes, every hour, every day",
		"0 0 * * * *":               "Every hour, every day",
		"0 0 0 * * *":               "At 00:00, every day",
		"*/5 * * * *":               "Every 5 minutes, every hour, every day",
		"* * * * *":                 "Every minute, every hour, every day",
		"*/1 * * * *":               "Every minute, every hour, every day",
		"0/1 * * * *":               "Every minute, every hour, every day",
		"@hourly":                   "Every hour, every day",
		"@daily":                    "At 00:00, every day",
		"@weekly":                   "At 00:00, only on Sunday",
		"@yearly":                   "At 00:00, on day 1 of the month, only in January",
		"30 11 * * 1-5":             "At 11:30, Monday through Friday",
		"30 11 * * WED,FRI":         "At 11:30, only on Wednesday and Friday",
		"46 9 * * 7":                "At 09:46, only on Sunday",
		"30 02 14 * * *":            "At 14:02:30, every day",
		"30 14,16 * * *":            "At 14:30 and 16:30, every day",
		"30 6,14,16 * * *":          "At 06:30, 14:30 and 16:30, every day",
		"0-10 11 * * *":             "Every minute between 11:00 and 11:10, every day",
		"0 9-17 * * *":              "Every hour, between 09:00 and 17:00, every day",
		"0 */4 * * *":               "On the hour, every 4 hours, every day",
		"0 */4,6 * * *":             "On the hour, every 4 hours and at 06:00, every day",
		"* 0 * * * *":               "Every second, on the hour, every hour, every day",
		"* 0 0 * * *":               "Every second, on the hour, between 00:00 and 00:00, every day",
		"* 0 * * *":                 "Every minute, between 00:00 and 00:59, every day",
		"30 */5 * * * *":            "At 30 seconds past the minute, every 5 minutes, every hour, every day",
		"5-10 30-35 10-12 * * *":    "Seconds 5 through 10 past the minute, minutes 30 through 35 past the hour, between 10:00 and 12:59, every day",
		"1 1,3-4 * * *":             "At 1 minutes past the hour, at 01:00 and 03:00 through 04:59, every day",
		"0 5/30 * * * *":            "Every 30 minutes, starting at 5 minutes past the hour, every hour, every day",
		"* * 5/8 * * *":             "Every second, every minute, every 8 hours, starting at 05:00, every day",
		"0-20/3 9 * * *":            "Every 3 minutes, minutes 0 through 20 past the hour, between 09:00 and 09:59, every day",
		"2,4-5 1 * * *":             "At 2 and 4 through 5 minutes past the hour, at 01:00, every day",
		"5-45/10,*/5,9 * * * *":     "Every 10 minutes, minutes 5 through 45 past the hour, every 5 minutes, and at 9 minutes past the hour, every hour, every day",
		"0 0 8 1/3 * *":             "At 08:00, every 3 days in a month",
		"0 5 7 2/3 * *":             "At 07:05, every 3 days in a month, starting on day 2 of the month",
		"0 0/30 8-9 5,20 * *":       "Every 30 minutes, between 08:00 and 09:59, on day 5 and 20 of the month",
		"0 45 12 22,17,6,30 * *":    "At 12:45, on day 6, 17, 22, and 30 of the month",
		"0 5 7 2 1/3 *":             "At 07:05, on day 2 of the month, every 3 months",
		"0 5 7 * 3/2 *":             "At 07:05, every day, every 2 months, March through December",
		"30 4 * 4,5,6 *":            "At 04:30, every day, only in April, May, and June",
		"23 12 * JAN-MAR *":         "At 12:23, every day, January through March",
		"0 5 7 * * 2/3":             "At 07:05, every 3 days of the week, Tuesday through Saturday",
		"0 15 10 * * */3":           "At 10:15, every 3 days of the week",
		"0 9 * * 0-4/2,5,6":         "At 09:00, every 2 days of the week, Sunday through Thursday, only on Friday, and only on Saturday",
		"0 0 10 * * MON-THU,SUN":    "At 10:00, only on Monday through Thursday and Sunday",
		"0 0 0 1,2,3 * WED,FRI":     "At 00:00, on day 1, 2, and 3 of the month, and on Wednesday and Friday",
		"0 0 0 1 * 1-5":             "At 00:00, on day 1 of the month, and Monday through Friday",
		"2-59/3 1,9,22 11-26 1-6 *": "Every 3 minutes, minutes 2 through 59 past the hour, at 01:00, 09:00, and 22:00, between day 11 and 26 of the month, January through June",
	} {
		if got, err := Describe(expression); err != nil || got != want {
			t.Errorf("%s:\n got %s %v\nwant %s", expression, got, err, want)
		}
	}
}
