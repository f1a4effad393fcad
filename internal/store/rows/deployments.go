package rows

import (
	"encoding/json"
	"strconv"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

const deploymentFields = `id, controller, command, event, time, account, method, reason, release_name, release_serial, release_author, release_digest, evidence, signers,
	added, changed, withdrawn`

func scanDeployment(r Row) (d store.Deployment, err error) {
	var signers string
	err = r.Scan(&d.ID, &d.Controller, &d.Command, &d.Event, &d.Time, &d.Account, &d.Method, &d.Reason, &d.Release.Name, &d.Release.Serial, &d.Release.Author,
		&d.Release.Digest, &d.Release.Evidence, &signers, &d.Added, &d.Changed, &d.Withdrawn)
	if err == nil && json.Unmarshal([]byte(signers), &d.Signers) != nil {
		err = fault.New(fault.Corrupt, "BadRow", "the signers of deployment %d can't be read", d.ID)
	}
	return d, err
}

// Deployment implements store.DeploymentReader.
func (t *Tx) Deployment(id int64) (d store.Deployment, err error) {
	err = t.One("SELECT "+deploymentFields+" FROM deployment_log WHERE id = ? AND command <> ''", store.UnknownDeployment(), func(r Row) error {
		d, err = scanDeployment(r)
		return err
	}, id)
	if err == nil {
		err = t.nameSigners(&d)
	}
	return d, err
}

// nameSigners fills in the signers of a deployment from before this table.
func (t *Tx) nameSigners(d *store.Deployment) (err error) {
	if len(d.Signers) == 0 && d.Added+d.Changed > 0 {
		d.Signers, err = t.signersOf(d.ID)
	}
	return err
}

// signersOf returns who signed what a deployment brought, each once.
func (t *Tx) signersOf(deployment int64) (all []string, err error) {
	err = t.Each("SELECT DISTINCT signer FROM deployment_objects WHERE deployment = ? AND signer <> '' ORDER BY signer", func(r Row) error {
		var s string
		err := r.Scan(&s)
		all = append(all, s)
		return err
	}, deployment)
	return all, err
}

// DeploymentOf implements store.DeploymentReader.
func (t *Tx) DeploymentOf(controller, command string) (id int64, err error) {
	if command == "" {
		return 0, nil
	}
	err = t.Each("SELECT id FROM deployment_log WHERE controller = ? AND command = ?", func(r Row) error { return r.Scan(&id) }, controller, command)
	return id, err
}

// DeployedRelease implements store.DeploymentReader.
func (t *Tx) DeployedRelease(controller string, serial int64) (l store.DeploymentRelease, err error) {
	const query = `SELECT release_name, release_serial, release_author, release_digest, evidence FROM deployment_log
		WHERE release_serial = ? AND controller = ? AND release_name <> '' ORDER BY id DESC LIMIT 1`
	err = t.Each(query, func(r Row) error { return r.Scan(&l.Name, &l.Serial, &l.Author, &l.Digest, &l.Evidence) }, serial, controller)
	return l, err
}

// deploymentSearch returns how a query is answered: along the deployments' ids, as
// the audit trail is.
func (t *Tx) deploymentSearch(q *store.DeploymentQuery) (*search, error) {
	s := &search{table: "deployment_log"}
	s.look.add("command <> ''")
	if q.Account != "" {
		s.table = "deployment_log INDEXED BY deployment_log_account"
		s.walk.add("account = ?", q.Account)
	}
	if q.Before > 0 {
		s.walk.add("id < ?", q.Before)
	}
	if err := t.between(s, "deployment_log", q.From, q.To); err != nil {
		return nil, err
	}
	if q.Controller != "" {
		s.look.add("controller = ?", q.Controller)
	}
	if q.Path != "" {
		s.look.add("id IN (SELECT deployment FROM deployment_objects WHERE path = ?)", q.Path)
	}
	if q.Folder != "" {
		s.look.add("id IN (SELECT deployment FROM deployment_objects WHERE path > ? AND path < ?)", q.Folder+"/", q.Folder+"0")
	}
	if q.Signer != "" {
		// Of deployments from before this table only the objects tell who signed.
		all, one := t.Contains("signers", q.Signer)
		each, two := t.Contains("o.signer", q.Signer)
		s.look.add("("+all+" OR EXISTS (SELECT 1 FROM deployment_objects AS o WHERE o.deployment = deployment_log.id AND signers = '[]' AND "+each+"))", one, two)
	}
	if q.Release != "" {
		serial, err := strconv.ParseInt(q.Release, 10, 64)
		if err != nil {
			serial = -1
		}
		s.look.add("(release_name = ? OR release_serial = ?)", q.Release, serial)
	}
	return s, nil
}

// FindDeployments implements store.DeploymentReader.
func (t *Tx) FindDeployments(q store.DeploymentQuery) (page []store.Deployment, reached int64, err error) {
	s, err := t.deploymentSearch(&q)
	if err != nil {
		return nil, 0, err
	}
	if reached, err = t.within(s, q.Budget, len(s.look.texts) > 1); err != nil {
		return nil, 0, err
	}
	all := s.all()
	err = t.Each("SELECT "+deploymentFields+" FROM "+s.table+all.where()+" ORDER BY id DESC LIMIT ?", func(r Row) error {
		d, err := scanDeployment(r)
		page = append(page, d)
		return err
	}, append(all.args, q.Limit+1)...)
	if err != nil {
		return nil, 0, err
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		reached = page[q.Limit-1].ID
	}
	for i := range page {
		if err := t.nameSigners(&page[i]); err != nil {
			return nil, 0, err
		}
	}
	return page, reached, nil
}

const deploymentObjectFields = "deployment, event, kind, path, object, version, version_id, digest, signer, evidence, previous, change"

// DeploymentObjects implements store.DeploymentReader.
func (t *Tx) DeploymentObjects(deployment, after int64, limit int) (all []store.DeploymentObject, err error) {
	err = t.Each("SELECT "+deploymentObjectFields+" FROM deployment_objects WHERE deployment = ? AND event > ? ORDER BY event LIMIT ?", func(r Row) error {
		var o store.DeploymentObject
		err := r.Scan(&o.Deployment, &o.Event, &o.Kind, &o.Path, &o.Object, &o.Version, &o.VersionID, &o.Digest, &o.Signer, &o.Evidence, &o.Previous, &o.Change)
		all = append(all, o)
		return err
	}, deployment, after, limit)
	return all, err
}

// OpenDeployment implements store.DeploymentWriter: one without a command is under
// way.
func (t *Tx) OpenDeployment(controller string) (id int64, err error) {
	err = t.Each("SELECT id FROM deployment_log WHERE controller = ? AND command = ''", func(r Row) error { return r.Scan(&id) }, controller)
	if err != nil || id != 0 {
		return id, err
	}
	return t.Insert(`INSERT INTO deployment_log (controller, command, event, time, account, method, reason, release_name, release_serial, release_author, release_digest,
		evidence, signers, added, changed, withdrawn) VALUES (?, '', 0, 0, '', '', '', '', 0, '', '', '', '[]', 0, 0, 0)`, controller)
}

// SetDeploymentRelease implements store.DeploymentWriter.
func (t *Tx) SetDeploymentRelease(id int64, r store.DeploymentRelease) error {
	_, err := t.Exec("UPDATE deployment_log SET release_name = ?, release_serial = ?, release_author = ?, release_digest = ?, evidence = ? WHERE id = ?",
		r.Name, r.Serial, r.Author, r.Digest, r.Evidence, id)
	return err
}

// AddDeploymentObject implements store.DeploymentWriter.
func (t *Tx) AddDeploymentObject(o store.DeploymentObject) error {
	return t.Later("INSERT INTO deployment_objects ("+deploymentObjectFields+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", anyNumber,
		o.Deployment, o.Event, o.Kind, o.Path, o.Object, o.Version, o.VersionID, o.Digest, o.Signer, o.Evidence, o.Previous, o.Change)
}

// CloseDeployment implements store.DeploymentWriter.
func (t *Tx) CloseDeployment(d store.Deployment) error {
	signers, err := t.signersOf(d.ID)
	if err != nil {
		return err
	}
	text, err := json.Marshal(append([]string{}, signers...))
	if err != nil {
		return fault.Wrap(fault.Internal, "EncodingFailed", err, "the signers can't be encoded")
	}
	const count = "(SELECT count(*) FROM deployment_objects WHERE deployment = ? AND change = ?)"
	_, err = t.Exec(`UPDATE deployment_log SET command = ?, event = ?, time = ?, account = ?, method = ?, signers = ?,
		reason = coalesce((SELECT reason FROM deployments WHERE controller = ? AND id = ?), ''), added = `+count+", changed = "+count+", withdrawn = "+count+" WHERE id = ?",
		d.Command, d.Event, d.Time, d.Account, d.Method, string(text), d.Controller, d.Command,
		d.ID, store.DeploymentAdded, d.ID, store.DeploymentChanged, d.ID, store.DeploymentWithdrawn, d.ID)
	if err != nil {
		return err
	}
	// What was taken over from the Controller before its events came hasn't got a name.
	_, err = t.Exec(`UPDATE object_versions SET deployment = ?, account = ?, reason = (SELECT reason FROM deployment_log WHERE id = ?)
		WHERE account = '' AND id IN (SELECT version FROM deployment_objects WHERE deployment = ?)`, d.Command, d.Account, d.ID, d.ID)
	return err
}

// DeleteDeployments implements store.DeploymentWriter.
func (t *Tx) DeleteDeployments(before int64, limit int) (int, error) {
	var old []int64
	err := t.Each(`SELECT id FROM deployment_log AS l WHERE time < ? AND command <> '' AND NOT EXISTS (
			SELECT 1 FROM deployment_objects AS o JOIN object_deployments AS d ON d.object = o.object AND d.controller = l.controller AND d.version = o.version
			WHERE o.deployment = l.id)
		ORDER BY time, id LIMIT ?`, func(r Row) error {
		var id int64
		err := r.Scan(&id)
		old = append(old, id)
		return err
	}, before, limit)
	if err != nil {
		return 0, err
	}
	for _, id := range old {
		if _, err := t.Exec("DELETE FROM deployment_objects WHERE deployment = ?", id); err != nil {
			return 0, err
		}
		if _, err := t.Exec("DELETE FROM deployment_log WHERE id = ?", id); err != nil {
			return 0, err
		}
	}
	return len(old), nil
}
