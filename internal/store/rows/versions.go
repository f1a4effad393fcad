package rows

import (
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

const versionFields = "v.id, v.object, v.name, v.controller, v.event, v.version, v.format, v.digest, v.signer, v.time, v.account, v.reason, v.deployment"

func scanVersion(r Row, more ...any) (v store.ObjectVersion, err error) {
	into := []any{&v.ID, &v.Object, &v.Name, &v.Controller, &v.Event, &v.Version, &v.Format, &v.Digest, &v.Signer, &v.Time, &v.Account, &v.Reason, &v.Deployment}
	return v, r.Scan(append(into, more...)...)
}

// Versions implements store.InventoryReader.
func (t *Tx) Versions(object, before int64, limit int) (all []store.ObjectVersion, err error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	err = t.Each("SELECT "+versionFields+" FROM object_versions AS v WHERE v.object = ? AND v.id < ? ORDER BY v.id DESC LIMIT ?", func(r Row) error {
		v, err := scanVersion(r)
		all = append(all, v)
		return err
	}, object, before, limit)
	return all, err
}

// Version implements store.InventoryReader.
func (t *Tx) Version(id int64) (v store.ObjectVersion, err error) {
	missing := fault.New(fault.NotFound, "UnknownVersion", "there is no version %d", id)
	err = t.One("SELECT "+versionFields+", v.text FROM object_versions AS v WHERE v.id = ?", missing, func(r Row) (err error) {
		var text string
		v, err = scanVersion(r, &text)
		v.Text = text
		return err
	}, id)
	return v, err
}

// Deployments implements store.InventoryReader.
func (t *Tx) Deployments(object int64) (all []store.ObjectDeployment, err error) {
	err = t.Each("SELECT "+versionFields+" FROM object_deployments AS d JOIN object_versions AS v ON v.id = d.version WHERE d.object = ? ORDER BY d.controller", func(r Row) error {
		v, err := scanVersion(r)
		all = append(all, store.ObjectDeployment{Controller: v.Controller, Version: v})
		return err
	}, object)
	return all, err
}

// DeployedAt implements store.InventoryReader.
func (t *Tx) DeployedAt(controller string, after int64, limit int) (all []store.DeployedObject, err error) {
	const query = "SELECT " + versionFields + `, o.kind, o.path FROM object_deployments AS d JOIN object_versions AS v ON v.id = d.version JOIN objects AS o ON o.id = d.object
		WHERE d.object > ? AND d.controller = ? ORDER BY d.object LIMIT ?`
	err = t.Each(query, func(r Row) (err error) {
		var d store.DeployedObject
		d.Version, err = scanVersion(r, &d.Kind, &d.Path)
		d.Object = d.Version.Object
		all = append(all, d)
		return err
	}, after, controller, limit)
	return all, err
}

// AddVersion implements store.InventoryWriter.
func (t *Tx) AddVersion(v store.ObjectVersion) (id int64, err error) {
	const query = `INSERT INTO object_versions (object, name, controller, event, version, format, digest, signer, time, account, reason, deployment, text)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	return t.Insert(query,
		v.Object, v.Name, v.Controller, v.Event, v.Version, v.Format, v.Digest, v.Signer, v.Time, v.Account, v.Reason, v.Deployment, v.Text)
}

// PruneVersions implements store.InventoryWriter.
func (t *Tx) PruneVersions(object int64, keep int) error {
	_, err := t.Exec(`DELETE FROM object_versions WHERE object = ? AND controller <> '' AND id NOT IN (SELECT version FROM object_deployments WHERE object = ?)
		AND id <= coalesce((SELECT id FROM object_versions WHERE object = ? AND controller <> '' ORDER BY id DESC LIMIT 1 OFFSET ?), 0)`, object, object, object, keep)
	return err
}

// SetDeployment implements store.InventoryWriter.
func (t *Tx) SetDeployment(object int64, controller string, version int64) (n int, err error) {
	if version == 0 {
		_, err = t.Exec("DELETE FROM object_deployments WHERE object = ? AND controller = ?", object, controller)
	} else {
		_, err = t.Exec("INSERT INTO object_deployments (object, controller, version) VALUES (?, ?, ?) ON CONFLICT (object, controller) DO UPDATE SET version = excluded.version",
			object, controller, version)
	}
	if err != nil {
		return 0, err
	}
	err = t.One("SELECT count(*) FROM object_deployments WHERE object = ?", nil, func(r Row) error { return r.Scan(&n) }, object)
	return n, err
}

// keepDeployments is how long the reason of a command is kept that never brought
// anything, in milliseconds: a day.
const keepDeployments = 24 * 3600 * 1000

// AddDeployment implements store.InventoryWriter.
func (t *Tx) AddDeployment(controller, id, reason string, time int64) error {
	if _, err := t.Exec("DELETE FROM deployments WHERE time < ?", time-keepDeployments); err != nil {
		return err
	}
	_, err := t.Exec("INSERT INTO deployments (controller, id, time, reason) VALUES (?, ?, ?, ?) ON CONFLICT (controller, id) DO NOTHING", controller, id, time, reason)
	return err
}

// NameDeployment implements store.InventoryWriter.
func (t *Tx) NameDeployment(controller, id, account string) error {
	if _, err := t.Exec(`UPDATE objects SET changed_by = ? WHERE changed_by = '' AND id IN (
		SELECT object FROM object_versions WHERE controller = ? AND controller <> '' AND deployment = '')`, account, controller); err != nil {
		return err
	}
	_, err := t.Exec(`UPDATE object_versions SET deployment = ?, account = ?, reason = coalesce((SELECT reason FROM deployments WHERE controller = ? AND id = ?), '')
		WHERE controller = ? AND controller <> '' AND deployment = ''`, id, account, controller, id, controller)
	return err
}
