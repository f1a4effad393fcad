package cockpit

import (
	"errors"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/store"
)

// underWay is the deployment that a Controller's events are telling of: its objects
// come first, and the command that brought them ends it. They may be of two batches.
type underWay struct {
	id     int64
	serial int64 // of the release that is noted
}

// deployment returns the history's row of the deployment that is under way.
func (s *shelf) deploymentAt(controller string) (int64, error) {
	var err error
	if s.under.id == 0 {
		s.under.id, err = s.w.OpenDeployment(controller)
	}
	return s.under.id, err
}

// noteRelease notes the release that a deployment brings.
func (s *shelf) noteRelease(controller string, e *engine.ItemAdded) error {
	id, err := s.deploymentAt(controller)
	if err != nil {
		return err
	}
	m, err := release.Parse([]byte(e.Document.Text))
	if err != nil {
		return err
	}
	s.under.serial = m.Serial
	return s.w.SetDeploymentRelease(id, store.DeploymentRelease{
		Serial: m.Serial, Name: m.Name, Author: m.Author, Digest: digestOf(e.Document.Text), Evidence: e.Document.Evidence,
	})
}

// noteReference notes the release that an object came with and that was there
// before.
func (s *shelf) noteReference(controller string, id int64, evidence string) error {
	ref, ok := release.ReferenceOf(evidence)
	if !ok || ref.Serial == s.under.serial {
		return nil
	}
	known, err := s.w.DeployedRelease(controller, ref.Serial)
	if err != nil {
		return err
	}
	known.Serial = ref.Serial
	s.under.serial = ref.Serial
	return s.w.SetDeploymentRelease(id, known)
}

// noteAdded takes over what was deployed, with its place in the history.
func (s *shelf) noteAdded(controller string, e *engine.ItemAdded, stamp *engine.Stamped) error {
	id, err := s.deploymentAt(controller)
	if err != nil {
		return err
	}
	key := e.Item.Key()
	before, err := s.deployedAt(key, controller)
	if err != nil {
		return err
	}
	if err := s.adopt(controller, e, stamp); err != nil {
		return err
	}
	o, err := s.w.Object(storeKey(key))
	if err != nil {
		return err
	}
	now, err := versionAt(s.w, o.ID, controller)
	if err != nil {
		return err
	}
	change := store.DeploymentAdded
	switch {
	case now == before: // it was taken over from the Controller earlier, which had one before or not
		if before = 0; e.Changed {
			change = store.DeploymentChanged
		}
	case before != 0:
		change = store.DeploymentChanged
	}
	return errors.Join(s.noteReference(controller, id, e.Document.Evidence), s.w.AddDeploymentObject(store.DeploymentObject{
		Deployment: id, Event: stamp.ID, Kind: string(key.Kind), Path: key.Path, Object: o.ID, Version: now, VersionID: e.Item.VersionID,
		Digest: digestOf(e.Document.Text), Signer: e.Signer, Evidence: e.Document.Evidence, Previous: before, Change: change,
	}))
}

// noteWithdrawn takes over that an object is out of service, with its place in the
// history.
func (s *shelf) noteWithdrawn(controller string, ref engine.ItemRef, stamp *engine.Stamped) error {
	id, err := s.deploymentAt(controller)
	if err != nil {
		return err
	}
	key := ref.Key()
	o, _, err := s.find(key)
	if err != nil {
		return err
	}
	before, err := versionAt(s.w, o.ID, controller)
	if err != nil {
		return err
	}
	if err := s.withdraw(controller, key); err != nil {
		return err
	}
	return s.w.AddDeploymentObject(store.DeploymentObject{
		Deployment: id, Event: stamp.ID, Kind: string(key.Kind), Path: key.Path, Object: o.ID, VersionID: ref.VersionID, Previous: before, Change: store.DeploymentWithdrawn,
	})
}

// noteCommand ends the deployment with the command that brought it.
func (s *shelf) noteCommand(controller string, e *engine.CommandExecuted, stamp *engine.Stamped) error {
	id, err := s.deploymentAt(controller)
	if err != nil {
		return err
	}
	s.under = underWay{}
	return errors.Join(
		s.w.NameDeployment(controller, e.CommandID, e.By.Account),
		s.w.CloseDeployment(store.Deployment{
			ID: id, Controller: controller, Command: e.CommandID, Event: stamp.ID, Time: stamp.Time(), Account: e.By.Account, Method: e.By.Method,
		}),
	)
}
