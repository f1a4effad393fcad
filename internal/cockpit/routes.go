package cockpit

import (
	"slices"

	"github.com/signet-scheduler/signet/internal/identity"
)

// Permission names what a role may do.
type Permission string

// The permissions. Those that end with ":view" change nothing.
const (
	anonymous         Permission = "anonymous"     // nobody has to log in
	authenticated     Permission = "authenticated" // everybody who is logged in
	ordersView        Permission = "orders:view"
	ordersManage      Permission = "orders:manage"
	workflowsView     Permission = "workflows:view"
	workflowsControl  Permission = "workflows:control"
	deploymentsManage Permission = "deployments:manage"
	agentsView        Permission = "agents:view"
	agentsManage      Permission = "agents:manage"
	historyView       Permission = "history:view"
	eventsView        Permission = "events:view"
	auditView         Permission = "audit:view"
	accountsManage    Permission = "accounts:manage"
	backupsMake       Permission = "backups:make" // it reads all there is, but for private keys
)

// permissions returns what a role may do, sorted.
func permissions(r identity.Role) []Permission {
	all := []Permission{agentsView, eventsView, historyView, ordersView, workflowsView}
	switch r {
	case identity.Viewer:
	case identity.Operator:
		all = append(all, ordersManage, workflowsControl)
	case identity.Administrator:
		all = append(all, ordersManage, workflowsControl, deploymentsManage, agentsManage, auditView, accountsManage, backupsMake)
	default:
		return nil
	}
	slices.Sort(all)
	return all
}

// permits tells whether a role may do what a permission is for.
func permits(r identity.Role, p Permission) bool {
	return p == anonymous || p == authenticated || slices.Contains(permissions(r), p)
}

// Sizes of bodies in bytes.
const (
	noBody    = 0
	tiny      = 16 << 10
	body      = 10 << 20
	documents = 64 << 20
)

// route is one row of the API: who may do what.
type route struct {
	method     string
	pattern    string // below /api/v1
	operation  string // operationId in api/openapi.yaml
	permission Permission
	maxBody    int64
	changes    bool // it is written to the audit trail
	long       bool // it takes longer than a call: it ends with the session
	handle     func(*call) error
}

// routes is the whole API.
func routes() []route {
	return []route{
		{"GET", "/health", "getHealth", anonymous, noBody, false, false, (*call).getHealth},
		{"GET", "/openapi.json", "getOpenAPI", anonymous, noBody, false, false, (*call).getOpenAPI},
		{"GET", "/version", "getVersion", authenticated, noBody, false, false, (*call).getVersion},

		{"GET", "/login/methods", "getMethods", anonymous, noBody, false, false, (*call).getMethods},
		{"POST", "/login", "login", anonymous, tiny, false, false, (*call).login},
		{"POST", "/logout", "logout", authenticated, tiny, true, false, (*call).logout},
		{"GET", "/me", "getMe", authenticated, noBody, false, false, (*call).getMe},
		{"POST", "/me/password", "changePassword", authenticated, tiny, true, false, (*call).changePassword},

		{"GET", "/accounts", "listAccounts", accountsManage, noBody, false, false, (*call).listAccounts},
		{"POST", "/accounts", "addAccount", accountsManage, tiny, true, false, (*call).addAccount},
		{"POST", "/accounts/{name}", "changeAccount", accountsManage, tiny, true, false, (*call).changeAccount},
		{"DELETE", "/accounts/{name}", "deleteAccount", accountsManage, noBody, true, false, (*call).deleteAccount},

		{"GET", "/orders", "listOrders", ordersView, noBody, false, false, (*call).listOrders},
		{"POST", "/orders", "addOrders", ordersManage, body, true, false, (*call).addOrders},
		{"GET", "/orders/{id}", "getOrder", ordersView, noBody, false, false, (*call).getOrder},
		{"GET", "/orders/{id}/log", "getOrderLog", ordersView, noBody, false, true, (*call).getOrderLog},
		{"GET", "/orders/{id}/steps", "listOrderSteps", ordersView, noBody, false, false, (*call).listOrderSteps},
		{"POST", "/orders/wait", "waitForOrders", ordersView, body, false, true, (*call).waitForOrders},
		{"POST", "/orders/cancel", "cancelOrders", ordersManage, body, true, false, (*call).cancelOrders},
		{"POST", "/orders/suspend", "suspendOrders", ordersManage, body, true, false, (*call).suspendOrders},
		{"POST", "/orders/resume", "resumeOrders", ordersManage, body, true, false, (*call).resumeOrders},
		{"POST", "/orders/delete", "deleteOrders", ordersManage, body, true, false, (*call).deleteOrders},
		{"POST", "/orders/go", "goOrder", ordersManage, tiny, true, false, (*call).goOrder},
		{"POST", "/orders/priority", "changePriority", ordersManage, tiny, true, false, (*call).changePriority},
		{"POST", "/orders/transfer", "transferOrders", ordersManage, tiny, true, false, (*call).transferOrders},

		{"GET", "/live", "getLive", authenticated, noBody, false, true, (*call).getLive},
		{"GET", "/overview/dashboard", "getDashboard", ordersView, noBody, false, false, (*call).getDashboard},
		{"GET", "/overview/orders", "overviewOrders", ordersView, noBody, false, false, (*call).overviewOrders},
		{"GET", "/overview/workflows", "overviewWorkflows", workflowsView, noBody, false, false, (*call).overviewWorkflows},
		{"GET", "/overview/places", "overviewPlaces", workflowsView, noBody, false, false, (*call).overviewPlaces},

		{"GET", "/workflows", "listWorkflows", workflowsView, noBody, false, false, (*call).listWorkflows},
		{"GET", "/workflow", "getWorkflow", workflowsView, noBody, false, false, (*call).getWorkflow},
		{"POST", "/workflows/control", "controlWorkflow", workflowsControl, body, true, false, (*call).controlWorkflow},
		{"POST", "/workflows/breakpoints", "changeBreakpoints", workflowsControl, body, true, false, (*call).changeBreakpoints},

		{"GET", "/items", "listItems", workflowsView, noBody, false, false, (*call).listItems},
		{"POST", "/deployments", "deploy", deploymentsManage, documents, true, false, (*call).deploy},
		{"POST", "/deployments/validate", "validateDeployment", workflowsView, documents, false, false, (*call).validateDeployment},
		{"POST", "/deployments/revoke", "revokeDeployment", deploymentsManage, body, true, false, (*call).revokeDeployment},

		{"GET", "/agents", "listAgents", agentsView, noBody, false, false, (*call).listAgents},
		{"POST", "/agents", "addAgent", agentsManage, tiny, true, false, (*call).addAgent},
		{"GET", "/agents/{name}", "getAgent", agentsView, noBody, false, false, (*call).getAgent},
		{"POST", "/agents/{name}/reset", "resetAgent", agentsManage, tiny, true, false, (*call).resetAgent},
		{"GET", "/controllers/status", "getControllerStatus", agentsView, noBody, false, false, (*call).getControllerStatus},

		{"GET", "/history", "listHistory", historyView, noBody, false, false, (*call).listHistory},
		{"GET", "/history/steps", "listSteps", historyView, noBody, false, false, (*call).listSteps},
		{"GET", "/history/runs", "listRuns", historyView, noBody, false, false, (*call).listRuns},
		{"GET", "/history/export", "exportHistory", historyView, noBody, false, true, (*call).exportHistory},
		{"GET", "/history/throughput", "getThroughput", historyView, noBody, false, false, (*call).getThroughput},
		{"GET", "/jobs/stats", "getJobStats", historyView, noBody, false, false, (*call).getJobStats},
		{"GET", "/filters", "listFilters", authenticated, noBody, false, false, (*call).listFilters},
		{"PUT", "/filters/{page}/{name}", "putFilter", authenticated, tiny, true, false, (*call).putFilter},
		{"DELETE", "/filters/{page}/{name}", "deleteFilter", authenticated, noBody, true, false, (*call).deleteFilter},
		{"GET", "/events", "listEvents", eventsView, noBody, false, true, (*call).listEvents},
		{"POST", "/backup", "makeBackup", backupsMake, tiny, true, true, (*call).makeBackup},
		{"GET", "/audit", "listAudit", auditView, noBody, false, false, (*call).listAudit},
		{"GET", "/audit/export", "exportAudit", auditView, noBody, false, true, (*call).exportAudit},
	}
}
