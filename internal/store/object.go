package store

import "github.com/signet-scheduler/signet/internal/fault"

// ObjectKey names an object of the inventory.
type ObjectKey struct {
	Kind string
	Path string
}

// Object is a row of the inventory, without texts.
type Object struct {
	ID     int64 // 0: it isn't kept yet
	Kind   string
	Path   string
	Title  string
	Folded string // what names are searched in
	State  string

	Format   string // of the draft, json or yaml; "": there is none
	Synced   bool   // the draft became the version that is current
	Problems int    // of the draft

	Revision  int64 // one more with each change
	ChangedAt int64
	ChangedBy string
	TrashedAt int64 // 0: it isn't in the trash

	Current   int64  // version that was deployed last; 0: none
	Deployed  int    // at how many Controllers it is
	Former    string // path under which it is deployed still, after a rename
	Successor string // path that takes its place, after a rename
}

// Key returns the object's key.
func (o *Object) Key() ObjectKey { return ObjectKey{o.Kind, o.Path} }

// ObjectIndex is what an object is found by. The texts are folded.
type ObjectIndex struct {
	Texts      string
	References []ObjectKey // each once
}

// ObjectTexts are an object's texts.
type ObjectTexts struct {
	Draft   string // where Object.Format is set
	Current string // of the version that was deployed last
}

// ObjectVersion is a text that an object had. Text is there when one version was
// asked for.
type ObjectVersion struct {
	ID         int64
	Object     int64
	Name       string // by which it was saved; "": it was deployed
	Controller string // to which it was deployed
	Event      int64  // that brought it there
	Version    string // versionId
	Format     string
	Digest     string // SHA-256 of the text, in hex
	Signer     string
	Time       int64
	Account    string
	Reason     string
	Deployment string // id of the command that brought it
	Text       string
}

// ObjectDeployment is where a version is deployed.
type ObjectDeployment struct {
	Controller string
	Version    ObjectVersion // without its text
}

// DeployedObject is an object with its version that is deployed at a Controller.
type DeployedObject struct {
	Object  int64
	Kind    string
	Path    string
	Version ObjectVersion // without its text
}

// ObjectQuery selects objects, in the order of path and kind; with Folder and not
// Below in the order of name and kind. What is in the trash is left out.
type ObjectQuery struct {
	Folder string // "" with Below: all
	Below  bool   // also what lies in folders of the folder
	Kind   string // "": all
	States []string
	Text   string    // folded; in path or title
	After  ObjectKey // begin behind it; zero: at the beginning
	Limit  int
}

// Folder is a folder with what lies in it or below.
type Folder struct {
	Path    string
	Objects int
	Changed int  // drafts that aren't deployed as they are
	Folders bool // there are folders in it
}

// TextQuery selects candidates for a search: objects that may have a text, as far
// as the index tells. Whether the text itself is there, the caller finds out.
type TextQuery struct {
	Text   string // folded, of at least three characters
	Names  bool   // in path or title; else in the texts
	Kinds  []string
	Folder string
	After  int64 // an object's id
	Limit  int
}

// Candidate is an object that a search looks into.
type Candidate struct {
	Object
	ObjectTexts
}

// UnknownObject is the fault about an object that isn't in the inventory.
func UnknownObject(k ObjectKey) error {
	return fault.New(fault.NotFound, "UnknownObject", "there is no %s %q in the inventory", k.Kind, k.Path).About(k.Kind + ":" + k.Path)
}

// InventoryReader reads the inventory.
type InventoryReader interface {
	Object(key ObjectKey) (Object, error)                            // NotFound, UnknownObject; also what is in the trash
	ObjectTexts(id int64) (ObjectTexts, error)                       // empty for an unknown one
	Objects(q ObjectQuery) ([]Object, error)                         //
	Folder(path string) (Folder, error)                              // empty for one that holds nothing
	Folders(parent, after string, limit int) ([]Folder, error)       // by name
	Trash(before int64, beforeID int64, limit int) ([]Object, error) // deleted before (0: all), newest first

	// Versions returns those with ids below before (0: all), newest first.
	Versions(object, before int64, limit int) ([]ObjectVersion, error)
	Version(id int64) (ObjectVersion, error) // NotFound, UnknownVersion
	Deployments(object int64) ([]ObjectDeployment, error)
	// DeployedAt returns what is deployed at a Controller, by the ids of the objects.
	DeployedAt(controller string, after int64, limit int) ([]DeployedObject, error)

	// Users returns the objects that name another, by path and kind.
	Users(of ObjectKey, after ObjectKey, limit int) ([]Object, error)
	References(object int64) ([]ObjectKey, error)
	// Candidates returns them by id.
	Candidates(q TextQuery) ([]Candidate, error)
	// Unindexed returns objects that no search finds: they were copied from another
	// database.
	Unindexed(limit int) ([]Object, error)
}

// InventoryWriter changes the inventory.
type InventoryWriter interface {
	// PutObject keeps an object, a new one where its id is 0, and returns its id.
	// The revision is the one that it had; the next one is kept. It is Conflict,
	// ObjectChanged, when the object has another meanwhile, and Conflict,
	// DuplicateObject, when its key is taken. With an index, that is what it is
	// found by from now on.
	PutObject(o *Object, draft *string, index *ObjectIndex) (id int64, err error)
	// PutTexts makes an object found by its names and by texts, and changes nothing
	// else of it.
	PutTexts(o *Object, texts string) error
	// DeleteObject deletes an object with its versions.
	DeleteObject(id int64) error

	AddVersion(v ObjectVersion) (id int64, err error)
	// PruneVersions deletes all deployed versions of an object but the newest ones
	// and those that are deployed.
	PruneVersions(object int64, keep int) error
	// SetDeployment notes that a version is deployed at a Controller; 0: nothing
	// is. It returns at how many Controllers the object is deployed now.
	SetDeployment(object int64, controller string, version int64) (int, error)
	// AddDeployment notes the reason for a command that deploys.
	AddDeployment(controller, id, reason string, time int64) error
	// NameDeployment tells which command brought the versions of which that
	// isn't known yet, and whose it was: who changed their objects, where nobody
	// is named. Its reason is taken over.
	NameDeployment(controller, id, account string) error
}
