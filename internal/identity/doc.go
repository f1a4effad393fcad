// Package identity finds out who asks: by password, or by client certificate,
// then by the token of a session.
//
// It owns password hashes, the slowing down of guesses, and tokens. It must not
// know the database (the Cockpit fills Accounts and Sessions), HTTP, or what a
// role may do. Only the Cockpit calls it.
//
// What an attacker must not learn from it: whether an account exists. A login
// does the same work whether it does or not, and fails with the same error.
package identity

import (
	"context"
	"regexp"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Role is what an account is in the Cockpit.
type Role string

// The roles that are built in.
const (
	Administrator  Role = "administrator"   // everything
	Developer      Role = "developer"       // makes objects and deploys them, and deals with their orders
	ReleaseManager Role = "release-manager" // looks through what is to be released, and who did what; changes nothing
	Deployer       Role = "deployer"        // deploys, redeploys and withdraws what others have made
	Operator       Role = "operator"        // sees everything but accounts and audit, and deals with orders and workflows
	Viewer         Role = "viewer"          // sees what an operator sees
)

// Roles returns the roles, the mightiest first.
func Roles() []Role {
	return []Role{Administrator, Developer, ReleaseManager, Deployer, Operator, Viewer}
}

// ParseRole returns the role of that name; Invalid, UnknownRole.
func ParseRole(name string) (Role, error) {
	for _, r := range Roles() {
		if string(r) == name {
			return r, nil
		}
	}
	return "", fault.New(fault.Invalid, "UnknownRole", "there is no role %q; roles are %v", clip(name), Roles())
}

// Method is how somebody logged in.
type Method string

// The methods.
const (
	ByPassword    Method = "password"
	ByCertificate Method = "certificate"
)

// Account is who may log in.
type Account struct {
	Name     string
	Role     Role
	Hash     string // of the password; "": none
	Disabled bool
}

// Accounts is where accounts are kept.
type Accounts interface {
	// Account returns an account; NotFound if there is none of exactly that name.
	Account(ctx context.Context, name string) (Account, error)
	// Rehash replaces the hash of an account's password, if it is still old.
	Rehash(ctx context.Context, name, old, hash string) error
}

// Names of accounts are those that certificates can carry.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// CheckName tells what is wrong with the name of an account.
func CheckName(name string) error {
	if !namePattern.MatchString(name) {
		return fault.New(fault.Invalid, "InvalidName", "%q is no name of an account: 1 to 128 of the characters A-Z a-z 0-9 . _ -", clip(name))
	}
	return nil
}

func clip(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
