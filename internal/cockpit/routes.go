package cockpit

import (
	"slices"

	"github.com/signet-scheduler/signet/internal/identity"
)

// Permission names what a role may do.
type Permission string

// The permissions. Those that end with ":view" change nothing.
const (
	anonymous          Permission = "anonymous"     // nobody has to log in
	authenticated      Permission = "authenticated" // everybody who is logged in
	ordersView         Permission = "orders:view"
	ordersManage       Permission = "orders:manage"
	workflowsView      Permission = "workflows:view"
	workflowsControl   Permission = "workflows:control"
	deploymentsView    Permission = "deployments:view" // who has deployed what, by whose signature
	deploymentsManage  Permission = "deployments:manage"
	inventoryView      Permission = "inventory:view"
	inventoryManage    Permission = "inventory:manage"
	agentsView         Permission = "agents:view"
	agentsManage       Permission = "agents:manage"
	historyView        Permission = "history:view"
	eventsView         Permission = "events:view"
	auditView          Permission = "audit:view"
	accountsManage     Permission = "accounts:manage"
	partLogsView       Permission = "partlogs:view" // what Controllers, Agents and Cockpits write themselves
	certificatesManage Permission = "certificates:manage"
	backupsMake        Permission = "backups:make" // it reads all there is, but for private keys
)

// permissions returns what a role may do, sorted.
func permissions(r identity.Role) []Permission {
	all := []Permission{agentsView, deploymentsView, eventsView, historyView, inventoryView, ordersView, workflowsView}
	switch r {
	case identity.Viewer:
	case identity.Operator:
		all = append(all, ordersManage, workflowsControl, partLogsView)
	case identity.Deployer:
		all = append(all, deploymentsManage)
	case identity.ReleaseManager:
		all = append(all, auditView)
	case identity.Developer:
		all = append(all, ordersManage, workflowsControl, deploymentsManage, inventoryManage, partLogsView)
	case identity.Administrator:
		all = append(all, ordersManage, workflowsControl, deploymentsManage, inventoryManage, agentsManage, auditView, accountsManage, backupsMake, certificatesManage, partLogsView)
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
	keyBody   = 256 << 10 // a keystore with its certificates
	body      = 10 << 20
	documents = 64 << 20
	archives  = 128 << 20 // as much as archive.DefaultLimits takes
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
		{"GET", "/me/signing-key", "getSigningKey", authenticated, noBody, false, false, (*call).getSigningKey},
		{"POST", "/me/signing-key", "makeSigningKey", deploymentsManage, keyBody, true, false, (*call).makeSigningKey},
		{"DELETE", "/me/signing-key", "withdrawSigningKey", deploymentsManage, noBody, true, false, (*call).withdrawSigningKey},

		{"GET", "/me/passkeys", "listPasskeys", authenticated, noBody, false, false, (*call).getPasskeys},
		{"GET", "/me/passkeys/new", "newPasskey", authenticated, noBody, false, false, (*call).newPasskey},
		{"POST", "/me/passkeys", "addPasskey", authenticated, tiny, true, false, (*call).addPasskey},
		{"POST", "/me/passkeys/{id}", "renamePasskey", authenticated, tiny, true, false, (*call).renamePasskey},
		{"DELETE", "/me/passkeys/{id}", "deletePasskey", authenticated, noBody, true, false, (*call).deletePasskey},

		{"GET", "/accounts", "listAccounts", accountsManage, noBody, false, false, (*call).listAccounts},
		{"POST", "/accounts", "addAccount", accountsManage, tiny, true, false, (*call).addAccount},
		{"POST", "/accounts/{name}", "changeAccount", accountsManage, tiny, true, false, (*call).changeAccount},
		{"DELETE", "/accounts/{name}", "deleteAccount", accountsManage, noBody, true, false, (*call).deleteAccount},
		{"DELETE", "/accounts/{name}/signing-key", "withdrawAccountKey", accountsManage, noBody, true, false, (*call).withdrawAccountKey},

		{"GET", "/orders", "listOrders", ordersView, noBody, false, false, (*call).listOrders},
		{"POST", "/orders", "addOrders", ordersManage, body, true, false, (*call).addOrders},
		{"GET", "/orders/{id}", "getOrder", ordersView, noBody, false, false, (*call).getOrder},
		{"GET", "/orders/{id}/log", "getOrderLog", ordersView, noBody, false, true, (*call).getOrderLog},
		{"GET", "/orders/{id}/log/lines", "getLogLines", ordersView, noBody, false, true, (*call).getLogLines},
		{"GET", "/orders/{id}/log/search", "searchLog", ordersView, noBody, false, true, (*call).searchLog},
		{"GET", "/orders/{id}/log/errors", "listLogErrors", ordersView, noBody, false, true, (*call).listLogErrors},
		{"GET", "/orders/{id}/steps", "listOrderSteps", ordersView, noBody, false, false, (*call).listOrderSteps},
		{"GET", "/orders/{id}/events", "listOrderEvents", eventsView, noBody, false, false, (*call).listOrderEvents},
		{"POST", "/orders/wait", "waitForOrders", ordersView, body, false, true, (*call).waitForOrders},
		{"POST", "/orders/cancel", "cancelOrders", ordersManage, body, true, false, (*call).cancelOrders},
		{"POST", "/orders/suspend", "suspendOrders", ordersManage, body, true, false, (*call).suspendOrders},
		{"POST", "/orders/resume", "resumeOrders", ordersManage, body, true, false, (*call).resumeOrders},
		{"POST", "/orders/delete", "deleteOrders", ordersManage, body, true, false, (*call).deleteOrders},
		{"POST", "/orders/go", "goOrder", ordersManage, tiny, true, false, (*call).goOrder},
		{"POST", "/orders/priority", "changePriority", ordersManage, tiny, true, false, (*call).changePriority},
		{"POST", "/orders/transfer", "transferOrders", ordersManage, tiny, true, false, (*call).transferOrders},

		{"GET", "/live", "getLive", authenticated, noBody, false, true, (*call).getLive},
		{"GET", "/overview/dashboard", "getDashboard", ordersView, noBody, false, false, shared((*call).getDashboard)},
		{"GET", "/overview/orders", "overviewOrders", ordersView, noBody, false, false, shared((*call).overviewOrders)},
		{"GET", "/overview/workflows", "overviewWorkflows", workflowsView, noBody, false, false, shared((*call).overviewWorkflows)},
		{"GET", "/overview/places", "overviewPlaces", workflowsView, noBody, false, false, shared((*call).overviewPlaces)},

		{"GET", "/workflows", "listWorkflows", workflowsView, noBody, false, false, (*call).listWorkflows},
		{"GET", "/workflow", "getWorkflow", workflowsView, noBody, false, false, (*call).getWorkflow},
		{"POST", "/workflows/control", "controlWorkflow", workflowsControl, body, true, false, (*call).controlWorkflow},
		{"POST", "/workflows/breakpoints", "changeBreakpoints", workflowsControl, body, true, false, (*call).changeBreakpoints},

		{"GET", "/items", "listItems", workflowsView, noBody, false, false, (*call).listItems},
		{"GET", "/deployments", "listDeployments", deploymentsView, noBody, false, false, (*call).listDeployments},
		{"POST", "/deployments", "deploy", deploymentsManage, documents, true, false, (*call).deploy},
		{"GET", "/releases/next", "nextRelease", workflowsView, 0, false, false, (*call).nextRelease},
		{"POST", "/releases/prepare", "prepareRelease", inventoryView, body, false, false, (*call).prepareRelease},
		{"GET", "/deployments/refused", "listRefusedDeployments", deploymentsView, noBody, false, false, (*call).listRefusedDeployments},
		{"GET", "/deployments/{id}", "getDeployment", deploymentsView, noBody, false, false, (*call).getDeployment},
		{"POST", "/deployments/{id}/redeploy", "redeploy", deploymentsManage, tiny, true, false, (*call).redeploy},
		{"GET", "/releases", "listReleases", deploymentsView, noBody, false, false, (*call).listReleases},
		{"POST", "/releases", "keepRelease", deploymentsManage, documents, true, false, (*call).keepRelease},
		{"GET", "/releases/{id}", "getRelease", inventoryView, noBody, false, false, (*call).getRelease},
		{"DELETE", "/releases/{id}", "deleteRelease", deploymentsManage, noBody, true, false, (*call).deleteRelease},
		{"POST", "/releases/{id}/signatures", "signRelease", deploymentsManage, keyBody, true, false, (*call).signRelease},
		{"POST", "/releases/{id}/deploy", "deployRelease", deploymentsManage, tiny, true, false, (*call).deployRelease},
		{"POST", "/releases/archive", "packRelease", inventoryView, documents, false, false, (*call).packRelease},
		{"POST", "/releases/open", "openRelease", inventoryView, archives, false, true, (*call).openRelease},
		{"POST", "/deployments/validate", "validateDeployment", workflowsView, documents, false, false, (*call).validateDeployment},
		{"POST", "/deployments/import", "deployArchive", deploymentsManage, archives, true, true, (*call).deployArchive},
		{"POST", "/deployments/revoke", "revokeDeployment", deploymentsManage, body, true, false, (*call).revokeDeployment},

		{"GET", "/inventory", "listObjects", inventoryView, noBody, false, false, (*call).listObjects},
		{"GET", "/inventory/folders", "listFolders", inventoryView, noBody, false, false, (*call).listFolders},
		{"GET", "/inventory/object", "getObject", inventoryView, noBody, false, false, (*call).getObject},
		{"PUT", "/inventory/object", "putObject", inventoryManage, body, true, false, (*call).putObject},
		{"DELETE", "/inventory/object", "deleteObject", inventoryManage, noBody, true, false, (*call).deleteObject},
		{"POST", "/inventory/drafts", "putDrafts", inventoryManage, documents, true, false, (*call).putDrafts},
		{"POST", "/inventory/validate", "validateDraft", inventoryView, body, false, false, (*call).validateDraft},
		{"POST", "/inventory/convert", "convertDraft", inventoryView, body, false, false, (*call).convertDraft},
		{"POST", "/inventory/deploy", "deployDrafts", deploymentsManage, body, true, false, (*call).deployDrafts},
		{"POST", "/inventory/discard", "discardDraft", inventoryManage, tiny, true, false, (*call).discardDraft},
		{"POST", "/inventory/rename", "renameObject", inventoryManage, tiny, true, false, (*call).renameObject},
		{"POST", "/inventory/copy", "copyObject", inventoryManage, tiny, true, false, (*call).copyObject},
		{"POST", "/inventory/export", "exportObjects", inventoryView, body, false, true, (*call).exportObjects},
		{"POST", "/inventory/import", "importObjects", inventoryManage, archives, true, true, (*call).importObjects},
		{"GET", "/inventory/trash", "listTrash", inventoryView, noBody, false, false, (*call).listTrash},
		{"POST", "/inventory/restore", "restoreObject", inventoryManage, tiny, true, false, (*call).restoreObject},
		{"POST", "/inventory/purge", "purgeObject", inventoryManage, tiny, true, false, (*call).purgeObject},
		{"GET", "/inventory/versions", "listVersions", inventoryView, noBody, false, false, (*call).listVersions},
		{"GET", "/inventory/version", "getObjectVersion", inventoryView, noBody, false, false, (*call).getObjectVersion},
		{"GET", "/inventory/usedby", "listObjectUsers", inventoryView, noBody, false, false, (*call).listObjectUsers},
		{"GET", "/inventory/search", "searchInventory", inventoryView, noBody, false, false, (*call).searchInventory},

		{"GET", "/agents", "listAgents", agentsView, noBody, false, false, (*call).listAgents},
		{"POST", "/agents", "addAgent", agentsManage, tiny, true, false, (*call).addAgent},
		{"GET", "/agents/{name}", "getAgent", agentsView, noBody, false, false, (*call).getAgent},
		{"GET", "/agents/{name}/activity", "getAgentActivity", agentsView, noBody, false, false, (*call).getAgentActivity},
		{"GET", "/agents/{name}/log", "getAgentLog", partLogsView, noBody, false, false, (*call).getAgentLog},
		{"POST", "/agents/{name}/reset", "resetAgent", agentsManage, tiny, true, false, (*call).resetAgent},
		{"GET", "/controllers/status", "getControllerStatus", agentsView, noBody, false, false, (*call).getControllerStatus},
		{"GET", "/controllers/{name}/log", "getControllerLog", partLogsView, noBody, false, false, (*call).getControllerLog},
		{"GET", "/cockpits", "listCockpits", agentsView, noBody, false, false, (*call).listCockpits},
		{"GET", "/cockpits/log", "getCockpitLog", partLogsView, noBody, false, false, (*call).getCockpitLog},
		{"GET", "/parts/{part}/{name}/trust", "getPartTrust", agentsView, noBody, false, false, (*call).getPartTrust},
		{"GET", "/certificates", "listCertificates", agentsView, noBody, false, false, (*call).listCertificates},
		{"GET", "/certificates/revocations", "listRevocations", agentsView, noBody, false, false, (*call).listRevocations},
		{"POST", "/certificates/revocations", "publishRevocations", certificatesManage, body, true, false, (*call).publishRevocations},
		{"GET", "/trust-policy", "getTrustPolicy", agentsView, noBody, false, false, (*call).getTrustPolicy},
		{"POST", "/trust-policy", "publishTrustPolicy", certificatesManage, body, true, false, (*call).publishTrustPolicy},
		{"POST", "/certificates/revoke", "revokeCertificates", certificatesManage, tiny, true, false, (*call).revokeCertificates},
		{"POST", "/certificates/tokens", "makeToken", certificatesManage, tiny, true, false, (*call).makeToken},
		{"GET", "/authority", "getAuthority", agentsView, noBody, false, false, (*call).getAuthority},
		{"GET", "/authority/certificates", "listIssued", agentsView, noBody, false, false, (*call).listIssued},
		{"GET", "/authority/certificates/{serial}", "getIssued", agentsView, noBody, false, false, (*call).getIssued},
		{"POST", "/authority/issue", "issueCertificate", certificatesManage, keyBody, true, false, (*call).issueCertificate},
		{"POST", "/authority/renew", "renewCertificate", certificatesManage, keyBody, true, false, (*call).renewCertificate},
		{"POST", "/authority/revoke", "revokeCertificate", certificatesManage, tiny, true, false, (*call).revokeCertificate},
		{"POST", "/authority/bundle", "makeBundle", certificatesManage, tiny, true, false, (*call).makeBundle},
		{"POST", "/authority/request", "requestIssuer", certificatesManage, tiny, true, false, (*call).requestIssuer},
		{"POST", "/authority/adopt", "adoptIssuer", certificatesManage, keyBody, true, false, (*call).adoptIssuer},
		{"GET", "/enrolment", "getEnrolment", anonymous, noBody, false, false, (*call).getEnrolment},
		{"POST", "/enrolment", "enrol", anonymous, tiny, false, false, (*call).enrol},

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
