package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
)

func TestOrderAddSendsWhatWasTyped(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("POST /orders", answer(`{"ids":["load-1","load-2"],"added":2,"duplicates":0}`))
	file := write(t, f.dir+"/args.json", `{"limit": 12345678901234567890.5, "list": [1,"a"]}`)
	r := f.run(t, "order", "add", "nightly/load", "--id", "load", "--count", "2", "--arg", "day=a=b", "--arg", `hosts=["x"]`,
		"--args", file, "--keep", "--at", "2026-11-22T23:00:00Z", "--reason", "why").want(t, 0)
	if r.out != "load-1\nload-2\n" {
		t.Errorf("printed %q", r.out)
	}
	a := f.last(t, "POST /orders")
	if a.token != "Bearer sgn_secret" {
		t.Errorf("token %q", a.token)
	}
	if !strings.Contains(a.body, "12345678901234567890.5") {
		t.Errorf("digits were lost: %s", a.body)
	}
	m := a.decode(t)
	delete(m, "arguments")
	if id, _ := m["requestId"].(string); len(id) < 20 {
		t.Errorf("requestId %q", id)
	}
	delete(m, "requestId")
	got, _ := json.Marshal(m)
	want := `{"argumentTexts":{"day":"a=b","hosts":"[\"x\"]"},"count":2,"id":"load","keep":true,"reason":"why","scheduledFor":1795388400000,"workflow":"nightly/load"}`
	if string(got) != want {
		t.Errorf("sent\n%s, want\n%s", got, want)
	}
}

func TestOrderAddAtRelativeTime(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("POST /orders", answer(`{"ids":["o"],"added":1,"duplicates":0}`))
	before := time.Now()
	f.run(t, "order", "add", "w", "--at", "+1h30m").want(t, 0)
	at, _ := f.last(t, "POST /orders").decode(t)["scheduledFor"].(float64)
	if d := time.UnixMilli(int64(at)).Sub(before); d < 89*time.Minute || d > 92*time.Minute {
		t.Errorf("scheduled %s from now", d)
	}
}

func TestOrderAddBadArgumentFiles(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.run(t, "order", "add", "w", "--args", f.dir+"/none").want(t, 3)
	f.run(t, "order", "add", "w", "--args", write(t, f.dir+"/a", "[1]")).want(t, 7)
	f.run(t, "order", "add", "w", "--args", write(t, f.dir+"/b", "null")).want(t, 7)
	f.run(t, "order", "add", "w", "--arg", "x=1", "--args", write(t, f.dir+"/c", `{"x":2}`)).want(t, 2)
}

func TestOrderAddWaits(t *testing.T) {
	t.Parallel()
	waited := func(state string, good bool) string {
		return fmt.Sprintf(`{"complete":true,"orders":[{"id":"o","ended":true,"state":%q,"successful":%v}]}`, state, good)
	}
	tests := []struct {
		state string
		good  bool
		code  int
	}{{"Finished", true, 0}, {"Finished", false, 1}, {"Failed", false, 1}, {"Cancelled", false, 1}}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			t.Parallel()
			f := newCockpit(t)
			f.on("POST /orders", answer(`{"ids":["o"],"added":1,"duplicates":0}`))
			f.on("POST /orders/wait", answer(`{"complete":false,"orders":[{"id":"o","ended":false}]}`))
			f.on("POST /orders/wait", refuse(fault.Unavailable, "Restarting", "not now"))
			f.on("POST /orders/wait", answer(waited(tt.state, tt.good)))
			r := f.run(t, "order", "add", "w", "--wait").want(t, tt.code)
			if r.out != "o\n" {
				t.Errorf("printed %q", r.out)
			}
			var j struct {
				IDs    []string `json:"ids"`
				Orders []struct {
					State string `json:"state"`
				} `json:"orders"`
			}
			r = f.run(t, "order", "add", "w", "--wait", "-o", "json").want(t, tt.code)
			if err := json.Unmarshal([]byte(r.out), &j); err != nil || len(j.IDs) != 1 || j.Orders[0].State != tt.state {
				t.Errorf("JSON %q: %v", r.out, err)
			}
		})
	}
}

func TestOrderAddWaitEnds(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("POST /orders", answer(`{"ids":["o"],"added":1,"duplicates":0}`))
	f.on("POST /orders/wait", answer(`{"complete":false,"orders":[{"id":"o","ended":false}]}`))
	f.run(t, "order", "add", "w", "--wait=50ms").want(t, 6).says(t, "0 of 1 orders")
	if s := f.last(t, "POST /orders/wait").decode(t)["timeout"].(float64); s > 1 {
		t.Errorf("asked to wait for %v s", s)
	}
}

// A repetition carries the same request id, so that it does no harm.
func TestOrderAddIsRepeatedHarmlessly(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("POST /orders", refuse(fault.Unavailable, "NoLeader", "no leader"))
	f.on("POST /orders", answer(`{"ids":["o"],"added":1,"duplicates":0}`))
	f.run(t, "order", "add", "w").want(t, 0)
	all := f.requests()
	if len(all) != 2 || all[0].body != all[1].body {
		t.Errorf("asked %+v", all)
	}
}

func TestOrderCancelIsNotRepeated(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("POST /orders/cancel", refuse(fault.Unavailable, "NoLeader", "no leader"))
	f.run(t, "order", "cancel", "o").want(t, 6)
	if n := len(f.requests()); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestOrderControl(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args       []string
		path, body string
	}{
		{[]string{"cancel", "a", "b", "--kill", "--deep"}, "/orders/cancel", `{"deep":true,"ids":["a","b"],"kill":true}`},
		{[]string{"cancel", "a", "--immediately"}, "/orders/cancel", `{"ids":["a"],"immediately":true,"kill":true}`},
		{[]string{"suspend", "a", "--reset"}, "/orders/suspend", `{"ids":["a"],"resetState":true}`},
		{[]string{"resume", "a"}, "/orders/resume", `{"ids":["a"]}`},
		{[]string{"resume", "a", "--position", `[1,"then",0]`, "--no-restart"}, "/orders/resume", `{"ids":["a"],"position":[1,"then",0],"restartKilledJob":false}`},
		{[]string{"resume", "a", "--position", "2"}, "/orders/resume", `{"ids":["a"],"position":[2]}`},
		{[]string{"resume", "a", "--arg", "day=a=b"}, "/orders/resume", `{"argumentTexts":{"day":"a=b"},"ids":["a"]}`},
		{[]string{"delete", "a", "--controller", "c"}, "/orders/delete", `{"ids":["a"]}`},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			f := newCockpit(t)
			f.on("POST "+tt.path, noContent)
			f.run(t, append([]string{"order"}, tt.args...)...).want(t, 0)
			a := f.last(t, "POST "+tt.path)
			got, _ := json.Marshal(a.decode(t))
			if string(got) != tt.body {
				t.Errorf("sent %s, want %s", got, tt.body)
			}
			if strings.Contains(strings.Join(tt.args, " "), "--controller") != (a.query == "controller=c") {
				t.Errorf("query %q", a.query)
			}
		})
	}
}

func TestOrderListFollowsCursors(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /orders", answer(`{"orders":[{"id":"a","workflow":{"path":"w","versionId":"1"},"state":{"TYPE":"Failed"},"position":[0]}],"cursor":"x"}`))
	f.on("GET /orders", answer(`{"orders":[{"id":"b\u001b[2J","workflow":{"path":"w","versionId":"1"},"state":{"TYPE":"Ready"},"position":[1, "then", 0]}]}`))
	f.on("GET /orders", answer(`{"orders":[],"cursor":""}`))
	r := f.run(t, "order", "list", "--state", "Failed").want(t, 0)
	if !strings.Contains(r.out, `[1,"then",0]`) || strings.Contains(r.out, "\x1b") || !strings.HasPrefix(r.out, "ID ") {
		t.Errorf("printed %q", r.out)
	}
	if q := f.requests()[1].query; q != "cursor=x&state=Failed" {
		t.Errorf("query %q", q)
	}
	if out := f.run(t, "order", "list", "-o", "json").want(t, 0).out; out != "[]\n" {
		t.Errorf("empty list: %q", out)
	}
}

func TestOrderListJSONKeepsEverything(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /orders", answer(`{"orders":[{"id":"a","n":1.50,"x":"<&>"},{"id":"b"}]}`))
	out := f.run(t, "order", "list", "-o", "json").want(t, 0).out
	if want := "[\n  {\"id\":\"a\",\"n\":1.50,\"x\":\"<&>\"},\n  {\"id\":\"b\"}\n]\n"; out != want {
		t.Errorf("printed %q, want %q", out, want)
	}
}

func TestOrderShowEscapesTheID(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /orders/%232026%2F1%7Ca", answer(`{"id":"#2026/1|a","workflow":{"path":"w","versionId":"1"},"state":{"TYPE":"Finished"},"position":[1],"outcome":{"TYPE":"Succeeded"},"historicOutcomes":[{"position":[0],"outcome":{"TYPE":"Succeeded"}}]}`))
	out := f.run(t, "order", "show", "#2026/1|a").want(t, 0).out
	for _, part := range []string{"#2026/1|a", "Finished", `{"TYPE":"Succeeded"}`} {
		if !strings.Contains(out, part) {
			t.Errorf("lacks %s: %s", part, out)
		}
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(f.run(t, "order", "show", "#2026/1|a", "-o", "json").want(t, 0).out), &v); err != nil || v["id"] != "#2026/1|a" {
		t.Errorf("JSON: %v, %v", v, err)
	}
}

func logPiece(task, channel, text string) string {
	b, _ := json.Marshal(map[string]any{"orderId": "o", "position": []int{0}, "task": task, "channel": channel, "time": 1, "text": text})
	return string(b) + "\n"
}

func lines(text ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		for _, l := range text {
			_, _ = io.WriteString(w, l)
		}
	}
}

// cut sends some lines and breaks the connection.
func cut(text ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		lines(text...)(w, r)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func TestOrderLog(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /orders/o/log", lines(logPiece("T1", "stdout", "a\nb"), "\n", logPiece("T1", "stdout", "c\n"), logPiece("T2", "stdout", "no end"), logPiece("T3", "stderr", "x\n")))
	if out := f.run(t, "order", "log", "o").want(t, 0).out; out != "a\nbc\nno end\nx\n" {
		t.Errorf("printed %q", out)
	}
	if q := f.last(t, "GET /orders/o/log").query; q != "" {
		t.Errorf("query %q", q)
	}
	if out := f.run(t, "order", "log", "o", "-o", "json").want(t, 0).out; strings.Count(out, "\n") != 4 {
		t.Errorf("JSON %q", out)
	}
}

// A log that breaks while it is followed goes on where it broke.
func TestOrderLogGoesOnAfterABreak(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /orders/o/log", cut(logPiece("T1", "stdout", "one\n"), logPiece("T2", "stdout", "two\nthr")))
	f.on("GET /orders/o/log", lines(logPiece("T1", "stdout", "one\n"), logPiece("T2", "stdout", "two\n"), logPiece("T2", "stdout", "three\n"), logPiece("T1", "stdout", "four\n")))
	if out := f.run(t, "order", "log", "o", "-f").want(t, 0).out; out != "one\ntwo\nthree\nfour\n" {
		t.Errorf("printed %q", out)
	}
	if q := f.last(t, "GET /orders/o/log").query; q != "follow=true" {
		t.Errorf("query %q", q)
	}
}

func TestOrderLogThatBreaksIsAnError(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /orders/o/log", cut(logPiece("T1", "stdout", "one\n")))
	f.run(t, "order", "log", "o").want(t, 6)
}
