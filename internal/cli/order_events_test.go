package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestOrderEvents(t *testing.T) {
	t.Parallel()
	const first = `{"events":[{"id":1789900000100000,"time":1789900000100,"orderId":"a","type":"OrderAdded","position":[0],"event":{"eventId":1789900000100000,"TYPE":"OrderAdded","Key":"a","by":{"account":"ada"}}}],"cursor":"next","more":true}`
	const then = `{"events":[{"id":1789900000200000,"time":1789900000200,"orderId":"a|b","type":"OrderMoved","position":[0,"fork+b",1],"event":{"eventId":1789900000200000,"TYPE":"OrderMoved","Key":"a|b","to":[0,"fork+b",1]}}],"cursor":"later"}`
	f := newCockpit(t)
	f.on("GET /orders/a/events", answer(first))
	f.on("GET /orders/a/events", answer(then))
	out := f.run(t, "order", "events", "a").want(t, 0).out
	for _, want := range []string{"OrderAdded", `{"by":{"account":"ada"}}`, "a|b", `[0,"fork+b",1]`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	if q := f.last(t, "GET /orders/a/events").query; q != "cursor=next" {
		t.Errorf("query %q", q)
	}
	f = newCockpit(t)
	f.on("GET /orders/a/events", answer(strings.Replace(then, `"cursor"`, `"torn":true,"cursor"`, 1)))
	r := f.run(t, "order", "events", "a", "-o", "json").want(t, 0)
	var list []struct{ Type string }
	if err := json.Unmarshal([]byte(r.out), &list); err != nil || len(list) != 1 || list[0].Type != "OrderMoved" || !strings.Contains(r.err, "earlier events") {
		t.Errorf("%v: %+v %q %s", err, list, r.err, r.out)
	}
}
