// Package inventory knows what stands in the documents of the inventory: what
// an object refers to and where, what is searched in it, which edits a rename
// takes, and in which state an object is. It works on documents that may be
// wrong or unfinished: what can be read of a draft is used.
//
// It must not keep anything, read files or know who uses objects; whether a
// document is valid is told by package item. The Cockpit calls it, and package
// objectfile makes the edits in the texts of authors.
//
// Invariants:
//
//  1. The references of a valid document are those that item.References gives.
//  2. A rename changes the values that refer to what is renamed and nothing
//     else; a reference that it can't follow is reported, never passed over.
//  3. What the search shows as a hit holds the text that was searched.
package inventory

import (
	"path"
	"strings"

	"github.com/signet-scheduler/signet/internal/item"
)

// State is where an object is on its way.
type State string

// The states of an object.
const (
	Draft       State = "draft"       // it was never deployed
	Invalid     State = "invalid"     // its draft has problems
	Changed     State = "changed"     // its draft differs from what is deployed
	Deployed    State = "deployed"    // what is deployed is the newest
	NotDeployed State = "notDeployed" // it was taken out of service
	Trash       State = "trash"       // it was deleted, and can be restored
)

// States returns all states.
func States() []State { return []State{Draft, Invalid, Changed, Deployed, NotDeployed, Trash} }

// Standing is what an object's state follows from.
type Standing struct {
	Trashed  bool
	Draft    bool // there is a draft, and it isn't what was deployed last
	Problems int  // of the draft
	Deployed bool // at a Controller at least
	Ever     bool // it was deployed once
}

// State returns the state of an object.
func (s Standing) State() State {
	switch {
	case s.Trashed:
		return Trash
	case s.Draft && s.Problems > 0:
		return Invalid
	case s.Deployed && s.Draft:
		return Changed
	case s.Deployed:
		return Deployed
	case s.Ever:
		return NotDeployed
	}
	return Draft
}

// FolderOf returns the folder in which an object lies; "" is the root, where
// all Agents are.
func FolderOf(objectPath string) string {
	folder, _ := path.Split(objectPath)
	return strings.TrimSuffix(folder, "/")
}

// Within tells whether a path lies in a folder or below it.
func Within(objectPath, folder string) bool {
	return folder == "" || strings.HasPrefix(objectPath, folder+"/")
}

// Moved returns the key that an object has when from, an object's path or a
// folder, becomes to. ok is false for an object that isn't concerned.
func Moved(k item.Key, from, to string, folder bool) (moved item.Key, ok bool) {
	switch {
	case !folder && k.Path == from:
		k.Path = to
	case folder && k.Kind != item.KindAgentRef && Within(k.Path, from):
		if from != "" {
			k.Path = k.Path[len(from)+1:]
		}
		if to != "" {
			k.Path = to + "/" + k.Path
		}
	default:
		return k, false
	}
	return k, true
}
