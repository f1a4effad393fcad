package cockpit

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/mirror"
	"github.com/signet-scheduler/signet/internal/order"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// named returns the Controller that a change is for, which takes no other
// parameter.
func (k *call) named() (*history, error) {
	q := k.query("controller")
	if q.err != nil {
		return nil, q.err
	}
	return k.history(q.text("controller"))
}

// command sends a command to a Controller, after it was recorded who asks.
func (k *call) command(h *history, id string, b engine.CommandBody, objects []string, reason string) (json.RawMessage, error) {
	if err := k.beginAudit(h.id, objects, reason); err != nil {
		return nil, err
	}
	return h.controller.Command(k.r.Context(), engine.Command{ID: id, By: k.actor(), Body: b})
}

// carryOut is command for one whose reply says nothing.
func (k *call) carryOut(h *history, b engine.CommandBody, objects []string, reason string) error {
	if _, err := k.command(h, rand.Text(), b, objects, reason); err != nil {
		return err
	}
	return k.done()
}

// commandID returns the id of a command that a client may repeat; two accounts
// can't disturb each other.
func (k *call) commandID(requestID string) (string, error) {
	if requestID == "" {
		return rand.Text(), nil
	}
	if len(requestID) > 64 {
		return "", fault.New(fault.Invalid, "InvalidRequest", "a requestId has at most 64 bytes")
	}
	sum := sha256.Sum256([]byte(k.route.operation + "\x00" + k.session.Account.Name + "\x00" + requestID))
	return "r" + hex.EncodeToString(sum[:16]), nil
}

func orderNames(ids []string) []string {
	names := make([]string, len(ids))
	for i, id := range ids[:min(len(ids), maxObjects)] { // the others are counted only
		names[i] = "Order:" + clip(id)
	}
	return names
}

// maxOrders is how many orders one request may name or add.
const maxOrders = 100_000

func checkIDs(ids []string) error {
	switch {
	case len(ids) == 0:
		return fault.New(fault.Invalid, "InvalidRequest", "no order is named")
	case len(ids) > maxOrders:
		return fault.New(fault.TooLarge, "TooManyOrders", "more than %d orders are named", maxOrders)
	}
	return nil
}

func (k *call) addOrders() error {
	in, err := decode[api.AddOrdersRequest](k)
	if err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	commandID, err := k.commandID(in.RequestId)
	if err != nil {
		return err
	}
	fresh, err := k.freshOrder(h, &in)
	if err != nil {
		return err
	}
	ids, err := k.orderIDs(&in, commandID)
	if err != nil {
		return err
	}
	add := &engine.AddOrders{Orders: make([]engine.FreshOrder, len(ids))}
	for i, id := range ids {
		add.Orders[i] = fresh
		add.Orders[i].ID = order.ID(id)
	}
	reply, err := k.command(h, commandID, add, append([]string{"Workflow:" + clip(in.Workflow)}, orderNames(ids)...), in.Reason)
	if err != nil {
		return err
	}
	var counted struct {
		Added      int `json:"added"`
		Duplicates int `json:"ignoredBecauseDuplicate"`
	}
	if err := json.Unmarshal(reply, &counted); err != nil {
		return fault.Wrap(fault.Internal, "BadAnswer", err, "the Controller's answer can't be read")
	}
	return k.answer(api.AddOrdersResponse{Ids: ids, Added: counted.Added, Duplicates: counted.Duplicates})
}

// orderIDs returns the ids of new orders. Those made here are the same when a
// request is repeated.
func (k *call) orderIDs(in *api.AddOrdersRequest, commandID string) ([]string, error) {
	id := in.Id
	if id == "" {
		id = "#" + k.clock.Now().UTC().Format(time.DateOnly) + "#" + strings.ToLower(rand.Text()[:12])
		if in.RequestId != "" {
			id = "#" + commandID // no date: a repetition may come tomorrow
		}
	}
	if in.Count < 0 || in.Count > maxOrders {
		return nil, fault.New(fault.Invalid, "InvalidRequest", "count has to be from 1 to %d", maxOrders)
	}
	if in.Count == 0 {
		return []string{id}, order.ID(id).Check()
	}
	ids := make([]string, in.Count)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-%d", id, i+1)
	}
	return ids, order.ID(ids[len(ids)-1]).Check()
}

// freshOrder reads what all orders of a request have in common.
func (k *call) freshOrder(h *history, in *api.AddOrdersRequest) (o engine.FreshOrder, err error) {
	o = engine.FreshOrder{WorkflowPath: in.Workflow, Priority: in.Priority, DeleteWhenTerminated: !in.Keep}
	args := given{in.Arguments, in.ArgumentTexts}
	if o.Arguments, err = args.read(func() (*workflow.OrderPreparation, error) { return k.preparation(h, in.Workflow, "") }); err != nil {
		return o, err
	}
	if o.ScheduledFor, err = moment(in.ScheduledFor); err != nil {
		return o, err
	}
	if o.StartPosition, err = optionalPosition(in.StartPosition, "$.startPosition"); err != nil {
		return o, err
	}
	o.StopPositions, err = positions(in.StopPositions, "$.stopPositions")
	return o, err
}

// moment reads when an order starts, in milliseconds; 0: at once.
func moment(raw json.RawMessage) (int64, error) {
	bad := fault.New(fault.Invalid, "InvalidRequest", "scheduledFor has to be milliseconds since 1970, or a text like 2026-11-22T23:00:00Z")
	if len(raw) == 0 {
		return 0, nil
	}
	n, err := strictjson.Parse(raw, strictjson.Limits{})
	if err != nil {
		return 0, err
	}
	switch n.Kind {
	case strictjson.Number:
		ms, err := n.Int()
		if err != nil || ms < 0 {
			return 0, bad
		}
		return ms, nil
	case strictjson.String:
		t, err := time.Parse(time.RFC3339, n.Text)
		if err != nil || t.UnixMilli() < 0 {
			return 0, bad
		}
		return t.UnixMilli(), nil
	}
	return 0, bad
}

func (k *call) listOrders() error {
	q := k.query("controller", "workflow", "state", "fields", "limit", "cursor")
	if q.err != nil {
		return q.err
	}
	// What fields there are, the Controller knows, whose version may be another.
	var fields []string
	if text := q.text("fields"); text != "" {
		fields = strings.Split(text, ",")
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	n := q.limit()
	if q.err != nil {
		return q.err
	}
	after, err := readCursor(q.text("cursor"))
	if err != nil {
		return err
	}
	all, err := h.controller.Orders(k.r.Context(), OrderQuery{Workflow: q.text("workflow"), State: q.text("state"), After: after, Limit: n})
	if err != nil {
		return err
	}
	out := api.Orders{Orders: all}
	if all == nil {
		out.Orders = []api.Order{}
	}
	if len(all) == n {
		var last struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(all[n-1], &last); err != nil {
			return fault.Wrap(fault.Internal, "BadAnswer", err, "the Controller's answer can't be read")
		}
		out.Cursor = writeCursor(last.ID)
	}
	return k.answerFields(out, "orders", fields)
}

func (k *call) getOrder() error {
	h, err := k.named()
	if err != nil {
		return err
	}
	id := k.r.PathValue("id")
	there, err := h.controller.Order(k.r.Context(), id)
	if err == nil {
		return k.answerOrder(there)
	}
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	// It may have ended a moment ago.
	o, err := k.known(h, id)
	if err != nil {
		return err
	}
	text, err := orderJSON(o)
	if err != nil {
		return err
	}
	return k.answerOrder(text)
}

// answerOrder answers with an order, to which its status is added: pages show that
// one word, and only the mirror says which it is.
func (k *call) answerOrder(text json.RawMessage) error {
	var o struct {
		State struct {
			Kind order.StateKind `json:"TYPE"`
		} `json:"state"`
		Suspended    bool  `json:"isSuspended"`
		ScheduledFor int64 `json:"scheduledFor"`
	}
	end := bytes.LastIndexByte(text, '}')
	if err := json.Unmarshal(text, &o); err != nil || end < 0 {
		return fault.Wrap(fault.Internal, "BadAnswer", err, "the Controller's answer can't be read")
	}
	status := mirror.StatusOf(&order.Order{State: order.State{Kind: o.State.Kind}, Suspended: o.Suspended, ScheduledFor: o.ScheduledFor}, k.now())
	return k.answer(json.RawMessage(fmt.Sprintf(`%s,"status":%q}`, text[:end], status)))
}

// known returns an order from the history, once that has caught up with the
// Controller; when it can't in a few seconds, what there is.
func (k *call) known(h *history, id string) (store.Order, error) {
	ctx, cancel := context.WithTimeout(k.r.Context(), catchUpTime)
	defer cancel()
	behind := h.catchUp(ctx)
	o, err := h.order(k.r.Context(), id)
	if err != nil && behind != nil && fault.Is(err, fault.NotFound) {
		return o, behind
	}
	return o, err
}

const catchUpTime = 5 * time.Second

func (k *call) getOrderLog() error {
	q := k.query("controller", "follow", "task")
	if q.err != nil {
		return q.err
	}
	h, err := k.history(q.text("controller"))
	if err != nil {
		return err
	}
	follow := q.flag("follow")
	if q.err != nil {
		return q.err
	}
	o, err := k.known(h, k.r.PathValue("id"))
	if err != nil {
		return err
	}
	return k.orderLog(h, logOf{o, q.text("task")}, follow)
}

// waitTime is the longest that one call waits.
const waitTime = 60 * time.Second

// maxWaited is how many orders one call waits for.
const maxWaited = 10_000

func (k *call) waitForOrders() error {
	in, err := decode[api.WaitRequest](k)
	if err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	if err := checkIDs(in.Ids); err != nil {
		return err
	}
	if len(in.Ids) > maxWaited {
		return fault.New(fault.TooLarge, "TooManyOrders", "one call waits for at most %d orders", maxWaited)
	}
	timeout := waitTime
	if in.Timeout != nil {
		if *in.Timeout < 0 || *in.Timeout > int64(waitTime/time.Second) {
			return fault.New(fault.Invalid, "InvalidRequest", "timeout has to be from 0 to 60 seconds")
		}
		timeout = max(time.Duration(*in.Timeout)*time.Second, 100*time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(k.r.Context(), timeout)
	defer cancel()
	out, err := h.wait(ctx, in.Ids)
	if err != nil {
		return err
	}
	return k.answer(out)
}

func (k *call) cancelOrders() error {
	in, err := decode[api.CancelOrdersRequest](k)
	if err != nil {
		return err
	}
	b := &engine.CancelOrders{OrderIDs: in.Ids, Deep: in.Deep, Mode: order.CancelMode{FreshOnly: in.FreshOnly, Kill: killMode(in.Kill, in.Immediately)}}
	return k.orders(b, in.Ids, in.Reason)
}

func killMode(kill, immediately bool) *order.KillMode {
	if !kill && !immediately {
		return nil
	}
	return &order.KillMode{Immediately: immediately}
}

// orders carries out a command about orders.
func (k *call) orders(b engine.CommandBody, ids []string, reason string) error {
	if err := checkIDs(ids); err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	return k.carryOut(h, b, orderNames(ids), reason)
}

func (k *call) suspendOrders() error {
	in, err := decode[api.SuspendOrdersRequest](k)
	if err != nil {
		return err
	}
	b := &engine.SuspendOrders{OrderIDs: in.Ids, Deep: in.Deep, Mode: order.SuspendMode{ResetState: in.ResetState, Kill: killMode(in.Kill, in.Immediately)}}
	return k.orders(b, in.Ids, in.Reason)
}

func (k *call) resumeOrders() error {
	in, err := decode[api.ResumeOrdersRequest](k)
	if err != nil {
		return err
	}
	b := &engine.ResumeOrders{OrderIDs: in.Ids, Deep: in.Deep}
	b.Resumption.AsSucceeded, b.Resumption.RestartKilledJob = in.AsSucceeded, in.RestartKilledJob
	if b.Resumption.Position, err = optionalPosition(in.Position, "$.position"); err != nil {
		return err
	}
	for i, raw := range in.HistoryOperations {
		where := strictjson.IndexPath("$.historyOperations", i)
		n, err := strictjson.Parse(raw, strictjson.Limits{})
		if err != nil {
			return err
		}
		var op order.HistoryOperation
		if err := codec.ReadJSON(n, where, &op); err != nil {
			return err
		}
		b.Resumption.Operations = append(b.Resumption.Operations, op)
	}
	if err := checkIDs(in.Ids); err != nil {
		return err
	}
	h, err := k.named()
	if err != nil {
		return err
	}
	args := given{in.Arguments, in.ArgumentTexts}
	if b.Resumption.Arguments, err = args.read(func() (*workflow.OrderPreparation, error) { return k.preparationOf(h, in.Ids[0]) }); err != nil {
		return err
	}
	return k.carryOut(h, b, orderNames(in.Ids), in.Reason)
}

func (k *call) deleteOrders() error {
	in, err := decode[api.OrdersRequest](k)
	if err != nil {
		return err
	}
	return k.orders(&engine.DeleteOrders{OrderIDs: in.Ids}, in.Ids, in.Reason)
}

func (k *call) goOrder() error {
	in, err := decode[api.GoOrderRequest](k)
	if err != nil {
		return err
	}
	p, err := position(in.Position, "$.position")
	if err != nil {
		return err
	}
	return k.orders(&engine.GoOrder{OrderID: order.ID(in.Id), Position: p}, []string{in.Id}, in.Reason)
}

func (k *call) changePriority() error {
	in, err := decode[api.PriorityRequest](k)
	if err != nil {
		return err
	}
	return k.orders(&engine.ChangeOrder{OrderID: order.ID(in.Id), Priority: in.Priority}, []string{in.Id}, in.Reason)
}
