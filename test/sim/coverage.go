package sim

import (
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/order"
)

// rare is what happens too seldom to be asked of each thousand worlds: where
// something must go wrong first, or something new must be old already.
var rare = []string{"OrderBroken", "OrderStateReset"}

// Expected returns what a thousand worlds must reach between them: every kind of
// fault and of request, every command and every event of the engine.
func Expected() []string {
	all := append(Faults(), Loads()...)
	for _, c := range []string{
		"AddOrders", "CancelOrders", "SuspendOrders", "ResumeOrders", "GoOrder", "DeleteOrdersWhenTerminated", "TransferOrders",
		"ControlWorkflowPath", "ControlWorkflow", "ChangeOrder", "ReleaseEvents", "ResetAgent", "UpdateItems",
	} {
		all = append(all, "command "+c)
	}
	for _, e := range []string{
		"ControllerInitialized", "ControllerReady", "CommandExecuted", "VersionAdded", "VersionedItemAdded", "VersionedItemChanged", "SignedItemAdded",
		"SignedItemChanged", "VersionedItemRemoved", "ItemDeleted", "ItemAttachable", "ItemAttached", "ItemDetachable", "ItemDetached", "ItemRefused",
		"ItemQuarantined", "ItemReleased", "UnsignedSimpleItemChanged", "UnsignedItemChanged", "AgentDedicated", "AgentCoupled", "AgentCouplingFailed",
		"AgentEventsObserved", "AgentReset", "AgentReady", "JournalEventsReleased",
	} {
		all = append(all, "event "+e)
	}
	for _, f := range order.Registry() {
		if name := f().Type(); name != "OrderAttachedToAgent" && !slices.Contains(rare, name) {
			all = append(all, "event "+name)
		}
	}
	for _, e := range []string{"AgentInitialized", "AgentBatchReceived", "ItemAttachedToMe", "OrderAttachedToAgent"} {
		all = append(all, "agent event "+e)
	}
	for _, c := range []string{"AttachItem", "AttachOrder", "AttachPathControl", "AttachWorkflowControl", "ConfirmEvents", "DetachItem", "DetachOrder", "MarkOrder"} {
		all = append(all, "agent command "+c)
	}
	all = append(all, "batch passed over", "torn log", "rot", "rot detected", "stopped by its disk", "client repeats", "state sent", "process", "stored state", "earlier version leads", "term",
		"world 1", "world 2", "world 3", "world 4", "world 5", "member lost its disk")
	slices.Sort(all)
	return all
}

// Missing returns what of Expected wasn't reached.
func Missing(reached map[string]int) []string {
	var all []string
	for _, what := range Expected() {
		if reached[what] == 0 {
			all = append(all, what)
		}
	}
	return all
}

// Summary tells what was reached, one group a line.
func Summary(reached map[string]int) map[string][]string {
	groups := map[string][]string{}
	for what := range reached {
		group, _, _ := strings.Cut(what, " ")
		groups[group] = append(groups[group], what)
	}
	for _, list := range groups {
		slices.Sort(list)
	}
	return groups
}
