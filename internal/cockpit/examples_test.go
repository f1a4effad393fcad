package cockpit

import (
	"reflect"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

func shape[T any]() func(*strictjson.Node) []fault.Problem {
	return func(n *strictjson.Node) (problems []fault.Problem) {
		checkShape(n, reflect.TypeFor[T](), "$", &problems)
		return problems
	}
}

// exampleTypes maps the names of schemas to a check against their types.
func exampleTypes() map[string]func(*strictjson.Node) []fault.Problem {
	return map[string]func(*strictjson.Node) []fault.Problem{
		"AgentActivity": shape[api.AgentActivity](), "PartLog": shape[api.PartLog](), "Cockpits": shape[api.Cockpits](), "Certificates": shape[api.Certificates](),
		"Health": shape[api.Health](), "Version": shape[api.Version](), "LoginRequest": shape[api.LoginRequest](), "Session": shape[api.Session](),
		"Me": shape[api.Me](), "ChangePasswordRequest": shape[api.ChangePasswordRequest](), "Accounts": shape[api.Accounts](),
		"AddAccountRequest": shape[api.AddAccountRequest](), "ChangeAccountRequest": shape[api.ChangeAccountRequest](), "Orders": shape[api.Orders](),
		"AddOrdersRequest": shape[api.AddOrdersRequest](), "AddOrdersResponse": shape[api.AddOrdersResponse](), "LogLine": shape[api.LogLine](),
		"LogLines": shape[api.LogLines](), "LogHits": shape[api.LogHits](),
		"WaitRequest": shape[api.WaitRequest](), "WaitResponse": shape[api.WaitResponse](), "CancelOrdersRequest": shape[api.CancelOrdersRequest](),
		"SuspendOrdersRequest": shape[api.SuspendOrdersRequest](), "ResumeOrdersRequest": shape[api.ResumeOrdersRequest](), "OrdersRequest": shape[api.OrdersRequest](),
		"GoOrderRequest": shape[api.GoOrderRequest](), "PriorityRequest": shape[api.PriorityRequest](), "TransferOrdersRequest": shape[api.TransferOrdersRequest](),
		"Workflows": shape[api.Workflows](), "Workflow": shape[api.Workflow](), "ControlWorkflowRequest": shape[api.ControlWorkflowRequest](),
		"BreakpointsRequest": shape[api.BreakpointsRequest](), "DeployRequest": shape[api.DeployRequest](), "DeployResponse": shape[api.DeployResponse](), "NextRelease": shape[api.NextRelease](),
		"ValidateResponse": shape[api.ValidateResponse](), "RevokeRequest": shape[api.RevokeRequest](), "Items": shape[api.Items](), "Agents": shape[api.Agents](),
		"AddAgentRequest": shape[api.AddAgentRequest](), "Agent": shape[api.Agent](), "ResetAgentRequest": shape[api.ResetAgentRequest](),
		"ControllersStatus": shape[api.ControllersStatus](), "History": shape[api.History](), "Audit": shape[api.Audit](), "BackupRequest": shape[api.BackupRequest](),
		"InventoryObjects": shape[api.InventoryObjects](), "InventoryFolders": shape[api.InventoryFolders](), "InventoryObject": shape[api.InventoryObject](),
		"PutObjectRequest": shape[api.PutObjectRequest](), "SavedObject": shape[api.SavedObject](), "PutDraftsRequest": shape[api.PutDraftsRequest](),
		"PutDraftsResponse": shape[api.PutDraftsResponse](), "ValidateDraftRequest": shape[api.ValidateDraftRequest](), "ValidateDraftResponse": shape[api.ValidateDraftResponse](),
		"ConvertDraftRequest": shape[api.ConvertDraftRequest](), "ConvertDraftResponse": shape[api.ConvertDraftResponse](), "DeployDraftsRequest": shape[api.DeployDraftsRequest](),
		"DraftDeployment": shape[api.DraftDeployment](), "ObjectRequest": shape[api.ObjectRequest](), "RenameRequest": shape[api.RenameRequest](),
		"RenameResponse": shape[api.RenameResponse](), "CopyRequest": shape[api.CopyRequest](), "ObjectVersions": shape[api.ObjectVersions](),
		"ObjectVersion": shape[api.ObjectVersion](), "ObjectUsers": shape[api.ObjectUsers](), "SearchHits": shape[api.SearchHits](),
		"Deployments": shape[api.Deployments](), "DeploymentDetails": shape[api.DeploymentDetails](), "RefusedDeployments": shape[api.RefusedDeployments](),
		"RedeployRequest": shape[api.RedeployRequest](), "Redeployment": shape[api.Redeployment](), "ExportRequest": shape[api.ExportRequest](), "ImportResponse": shape[api.ImportResponse](),
		"LoginMethods": shape[api.LoginMethods](), "News": shape[api.News](), "OrderEvents": shape[api.OrderEvents](), "Dashboard": shape[api.Dashboard](), "OrderRows": shape[api.OrderRows](),
		"WorkflowRows": shape[api.WorkflowRows](), "Places": shape[api.Places](),
		"HistorySteps": shape[api.HistorySteps](), "HistoryRuns": shape[api.HistoryRuns](), "Throughput": shape[api.Throughput](), "JobStats": shape[api.JobStats](),
		"RevocationLists": shape[api.RevocationLists](), "PartTrust": shape[api.PartTrust](), "TrustPolicyStatus": shape[api.TrustPolicyStatus](),
		"PublishTrustPolicyRequest": shape[api.PublishTrustPolicyRequest](), "PublishedTrustPolicy": shape[api.PublishedTrustPolicy](), "PublishRevocationsRequest": shape[api.PublishRevocationsRequest](),
		"Passkeys": shape[api.Passkeys](), "NewPasskey": shape[api.NewPasskey](), "AddPasskeyRequest": shape[api.AddPasskeyRequest](),
		"PreparedRelease": shape[api.PreparedRelease](), "PrepareReleaseRequest": shape[api.PrepareReleaseRequest](),
		"KeptReleases": shape[api.KeptReleases](), "KeptRelease": shape[api.KeptRelease](), "SignReleaseRequest": shape[api.SignReleaseRequest](),
		"DeployReleaseRequest": shape[api.DeployReleaseRequest](), "ReleaseDeployed": shape[api.ReleaseDeployed](),
		"RenamePasskeyRequest": shape[api.RenamePasskeyRequest](), "PackReleaseRequest": shape[api.PackReleaseRequest](),
		"SigningKey": shape[api.SigningKey](), "MakeSigningKeyRequest": shape[api.MakeSigningKeyRequest](),
		"RevokeCertificatesRequest": shape[api.RevokeCertificatesRequest](), "RevokedCertificates": shape[api.RevokedCertificates](),
		"Authority": shape[api.Authority](), "IssuedCertificates": shape[api.IssuedCertificates](), "IssuedCertificate": shape[api.IssuedCertificate](),
		"IssueRequest": shape[api.IssueRequest](), "RequestIssuerRequest": shape[api.RequestIssuerRequest](), "IssuerRequest": shape[api.IssuerRequest](), "AdoptIssuerRequest": shape[api.AdoptIssuerRequest](),
		"BundleRequest": shape[api.BundleRequest](), "RenewRequest": shape[api.RenewRequest](), "RevokeCertificateRequest": shape[api.RevokeCertificateRequest](),
		"TokenRequest": shape[api.TokenRequest](), "EnrolmentToken": shape[api.EnrolmentToken](), "EnrolmentAuthority": shape[api.EnrolmentAuthority](),
		"EnrolRequest": shape[api.EnrolRequest](), "Enrolled": shape[api.Enrolled](),
		"SavedFilters": shape[api.SavedFilters](), "SavedFilter": shape[api.SavedFilter](), "PutFilterRequest": shape[api.PutFilterRequest](),
	}
}
