package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/trust"
)

// preview asks all installations; signer is nil when nothing is signed here. The error is the first that keeps the rollout from
// going on; all have been asked then.
func (r *rollout) preview(ctx context.Context, signer trust.SignerKey) error {
	progress := r.s.progress()
	defer progress.end()
	// The last release is to be good still when all before were waited for.
	lifetime := signedNow + time.Duration(len(r.targets))*r.wait
	var first error
	refused := 0
	for _, t := range r.targets {
		progress.show("asking %s ...", t.name)
		err := t.plan(ctx, &r.contents, signer, r.reason, lifetime)
		switch {
		case err != nil:
			t.state = stateRefused
			t.problems = append(t.problems, problemsOf(err)...)
			if first == nil {
				first = stopped(err, "nothing was changed anywhere: "+t.name, "")
			}
		case t.state == stateRefused:
			refused++
		}
	}
	switch {
	case first != nil:
		return first
	case refused > 0 && r.check:
		return &exitError{exitNegative}
	case refused > 0:
		return fault.New(fault.Invalid, "RolloutRefused", "nothing was changed anywhere: %s would refuse the objects", count(refused, "installation"))
	}
	return nil
}

// stopped returns an error without its problems, which are told elsewhere, but with
// what it means for the rollout.
func stopped(err error, what, more string) error {
	e := *fault.Of(err)
	e.Problems = nil
	if e.Kind == fault.Internal && e.Err != nil {
		e.Message = e.Err.Error()
	}
	e.Message = what + ": " + e.Public() + more
	e.Subject = ""
	return &e
}

// problemsOf returns an error as problems.
func problemsOf(err error) []fault.Problem {
	e := fault.Of(err)
	if len(e.Problems) > 0 {
		return e.Problems
	}
	return []fault.Problem{{Where: e.Code, Message: e.Public()}}
}

// deploy brings the objects to one installation after the other.
func (r *rollout) deploy(ctx context.Context) error {
	progress := r.s.progress()
	defer progress.end()
	for i, t := range r.targets {
		if t.state != stateReady {
			continue
		}
		progress.show("deploying to %s ...", t.name)
		err := t.deploy(ctx, r.reason)
		if err == nil {
			progress.show("waiting for %s ...", t.name)
			err = t.await(ctx, r.wait)
		}
		if err == nil {
			continue
		}
		t.problems = append(t.problems, problemsOf(err)...)
		return stopped(err, "the rollout stopped at "+t.name, "\n"+r.standing(i))
	}
	return nil
}

// standing tells what is where after a rollout that stopped at the i-th installation.
func (r *rollout) standing(i int) string {
	var has, misses []string
	for at, t := range r.targets {
		switch {
		case at < i || t.state == stateSame || t.state == stateInForce:
			has = append(has, t.name)
		case at > i:
			misses = append(misses, t.name)
		}
	}
	text := ""
	if len(has) > 0 {
		text += "The objects are in force at " + strings.Join(has, ", ") + ". "
	}
	if len(misses) > 0 {
		text += "Nothing was done at " + strings.Join(misses, ", ") + ". "
	}
	return text + "The same command goes on: what is the same isn't deployed again."
}

// deploy sends what differs.
func (t *target) deploy(ctx context.Context, reason string) error {
	t.state = stateFailed
	if _, err := t.send(ctx, t.sent, t.query("requestId", newRequestID(), "reason", reason)); err != nil {
		return err
	}
	t.state = stateDeployed
	return nil
}

// await returns when the Controller has the objects in force, byte for byte, and the
// Agents that they name are coupled, so that they get them with the next order.
func (t *target) await(ctx context.Context, limit time.Duration) error {
	agentsToo := limit > 0
	if !agentsToo {
		limit = rolloutWait
	}
	deadline := time.Now().Add(limit)
	pause := 50 * time.Millisecond
	for {
		missing, err := t.missing(ctx, agentsToo)
		switch {
		case err == nil && missing == "":
			t.state = stateInForce
			return nil
		case err != nil && !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Timeout):
			return err
		case err != nil:
			missing = fault.Of(err).Public()
		}
		if time.Now().Add(pause).After(deadline) {
			return fault.New(fault.Timeout, "RolloutWait", "it is deployed, but %s are over: %s", limit, missing)
		}
		if !wait(ctx, pause) {
			return context.Cause(ctx)
		}
		pause = min(2*pause, time.Second)
	}
}

// missing tells what isn't as it should be; "" is nothing.
func (t *target) missing(ctx context.Context, agentsToo bool) (string, error) {
	answer, err := t.send(ctx, t.sent, t.query("preview", "true"))
	if err != nil {
		return "", err
	}
	for _, o := range answer.Objects {
		if o.Change != changeSame {
			return o.Kind + ":" + o.Path + " isn't in force yet", nil
		}
	}
	quarantined, err := t.quarantined(ctx)
	if err != nil || quarantined != nil {
		return "", cmp.Or(err, quarantined)
	}
	if !agentsToo || len(t.agents) == 0 {
		return "", nil
	}
	var list api.Agents
	err = t.client.Get(ctx, "/agents", t.query(), &list)
	switch {
	case fault.Is(err, fault.Forbidden):
		return "", nil // who may deploy but not look at Agents can't be told more
	case err != nil:
		return "", err
	}
	states := map[string]string{}
	for _, a := range list.Agents {
		states[a.Name] = agentState(a)
		if a.Coupled && a.Problem == nil {
			states[a.Name] = ""
		}
	}
	for _, name := range t.agents {
		if state, known := states[name]; !known || state != "" {
			return fmt.Sprintf("the Agent %s is %s", name, cmp.Or(state, "not known")), nil
		}
	}
	return "", nil
}

// itemsPage is how many objects one request asks for.
const itemsPage = 1000

// quarantined tells of an object that the Controller or an Agent holds back after
// all: its signer isn't trusted there.
func (t *target) quarantined(ctx context.Context) (held, err error) {
	ours := map[item.Key]bool{}
	for i := range t.mapped {
		ours[t.mapped[i].Key] = true
	}
	for cursor := ""; ; {
		var page api.Items
		q := t.query("limit", fmt.Sprint(itemsPage), "cursor", cursor)
		err := t.client.Get(ctx, "/items", q, &page)
		if err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			if i.Newest && i.Quarantine != nil && ours[item.Key{Kind: item.Kind(i.Kind), Path: i.Path}] {
				return fault.New(fault.Untrusted, i.Quarantine.Code, "%s:%s is in quarantine: %s", i.Kind, i.Path, i.Quarantine.Message), nil
			}
		}
		if page.Cursor == "" {
			return nil, nil
		}
		cursor = page.Cursor
	}
}
