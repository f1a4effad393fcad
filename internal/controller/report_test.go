package controller

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/part"
)

func reportWith(version string) *part.Report {
	t := &part.Trust{Policy: &part.Policy{Required: true, Version: 3}}
	for i := range 3 {
		t.Holds = append(t.Holds, part.Holding{Kind: "CRL", ID: fmt.Sprintf("%032d", i), Version: version})
	}
	return &part.Report{Version: "1", Trust: t}
}

// What all Agents hold stands once in an answer about many.
func TestHoldingsAreToldOnce(t *testing.T) {
	t.Parallel()
	var lists holdings
	size := 0
	for i := range 200 {
		r := reportWith(fmt.Sprint(12 + i/199)) // the last holds others
		short, at := lists.takeOut(r)
		if at == nil || len(lists.all[*at]) != 3 || lists.all[*at][0].Version != r.Trust.Holds[0].Version {
			t.Fatalf("Agent %d: %v", i, at)
		}
		if short.Trust.Policy.Version != 3 || len(r.Trust.Holds) != 3 {
			t.Fatalf("Agent %d: %+v; what is kept was changed: %+v", i, short.Trust, r.Trust)
		}
		text, err := json.Marshal(short.Trust)
		if err != nil {
			t.Fatal(err)
		}
		size = len(text)
	}
	if len(lists.all) != 2 || size > 60 {
		t.Errorf("%d different ones are told, and %d bytes of each Agent", len(lists.all), size)
	}
	if r, at := lists.takeOut(&part.Report{Version: "0"}); at != nil || r.Version != "0" {
		t.Errorf("an older Agent: %+v, %v", r, at)
	}
	if r, at := lists.takeOut(nil); r != nil || at != nil {
		t.Errorf("one that wasn't heard: %+v, %v", r, at)
	}
}

// Agents that make up what they hold cost what it takes to write it down, no more.
func TestHoldingsOfLiars(t *testing.T) {
	t.Parallel()
	var lists holdings
	for i := range 10 * mostCompared {
		if _, at := lists.takeOut(reportWith(fmt.Sprint(i))); *at != i {
			t.Fatalf("%d is told as %d", i, *at)
		}
	}
	var heard reports
	liar := reportWith(strings.Repeat("9", 1000))
	heard.set("liar", *liar, time.UnixMilli(1))
	if r, _ := heard.of("liar"); r.Trust != nil {
		t.Errorf("%d bytes of a version are believed", len(r.Trust.Holds[0].Version))
	}
	many := reportWith("1")
	many.Trust.Holds = make([]part.Holding, 1000)
	heard.set("liar", *many, time.UnixMilli(1))
	if r, _ := heard.of("liar"); r.Trust != nil {
		t.Errorf("%d files are believed", len(r.Trust.Holds))
	}
}
