package store

import "github.com/signet-scheduler/signet/internal/fault"

// Deployment is a command of a Controller that brought or withdrew objects.
type Deployment struct {
	ID         int64
	Controller string
	Command    string // its id
	Event      int64  // that ended it
	Time       int64
	Account    string
	Method     string // by which the account was known
	Reason     string
	Release    DeploymentRelease
	Signers    []string // as the Controller calls them, each once

	Added     int
	Changed   int
	Withdrawn int
}

// DeploymentRelease is the release that a deployment came with.
type DeploymentRelease struct {
	Serial   int64 // 0: it came with none
	Name     string
	Author   string
	Digest   string // SHA-256 of its text, in hex
	Evidence string // its signatures, JSON
}

// What a deployment did to an object.
const (
	DeploymentAdded     = "added"
	DeploymentChanged   = "changed"
	DeploymentWithdrawn = "withdrawn"
)

// DeploymentObject is what a deployment did to one object.
type DeploymentObject struct {
	Deployment int64
	Event      int64 // that tells of it
	Kind       string
	Path       string
	Object     int64  // 0: the inventory didn't know it
	Version    int64  // of the inventory; 0: withdrawn
	VersionID  string // of a workflow
	Digest     string // SHA-256 of the text, in hex
	Signer     string
	Evidence   string // JSON
	Previous   int64  // version that was deployed there before; 0: none
	Change     string
}

// DeploymentQuery selects deployments, the newest first.
type DeploymentQuery struct {
	Before     int64 // ids below it; 0: all
	From, To   int64 // milliseconds
	Controller string
	Account    string
	Path       string // of an object
	Folder     string // of one of its objects
	Signer     string // part of a signer's name; capitals make no difference
	Release    string // name or number
	Limit      int
	Budget     int // at how many deployments one call looks at most
}

// UnknownDeployment is the fault about a deployment that isn't in the history.
func UnknownDeployment() error {
	return fault.New(fault.NotFound, "UnknownDeployment", "there is no such deployment in the history")
}

// DeploymentReader reads the history of deployments. One that is still under way
// isn't in it.
type DeploymentReader interface {
	Deployment(id int64) (Deployment, error) // NotFound, UnknownDeployment
	// DeploymentOf returns the id of the deployment that a command made; 0: none.
	DeploymentOf(controller, command string) (int64, error)
	// DeployedRelease returns the newest release of a number that came to a Controller;
	// one without a serial: none is known.
	DeployedRelease(controller string, serial int64) (DeploymentRelease, error)
	// FindDeployments returns deployments, the newest first, and the id behind which
	// looking goes on when it ended early.
	FindDeployments(q DeploymentQuery) (page []Deployment, reached int64, err error)
	// DeploymentObjects returns what a deployment did, in the order of its events.
	DeploymentObjects(deployment, after int64, limit int) ([]DeploymentObject, error)
}

// DeploymentWriter writes it, as a Controller's events tell.
type DeploymentWriter interface {
	// OpenDeployment returns the deployment that is under way at a Controller, a
	// new one where there is none.
	OpenDeployment(controller string) (id int64, err error)
	SetDeploymentRelease(id int64, r DeploymentRelease) error
	AddDeploymentObject(o DeploymentObject) error
	// CloseDeployment ends the one that is under way: d says by which command and
	// whose. Its signers are those of its objects; the command's reason is taken over.
	CloseDeployment(d Deployment) error
	// DeleteDeployments deletes at most limit deployments of before a time, but for
	// those whose objects are still deployed as they brought them, and returns how
	// many went.
	DeleteDeployments(before int64, limit int) (int, error)
}
