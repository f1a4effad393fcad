package cockpit

import (
	"bytes"
	"unicode"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// Bounds of a bundle's password, in bytes.
const (
	leastPassword = 8
	mostPassword  = 200
)

// bundlePassword checks the password of a bundle's stores. What is said of it never
// repeats it.
func bundlePassword(form pki.BundleForm, password pki.Secret) error {
	text := string(password)
	switch {
	case form == pki.BundlePEM && text != "":
		return fault.New(fault.Invalid, "InvalidPassword", "PEM files have no password: leave it out, or choose PKCS#12")
	case form == pki.BundlePEM:
		return nil
	case len(text) < leastPassword || len(text) > mostPassword:
		return fault.New(fault.Invalid, "InvalidPassword", "the password of the PKCS#12 stores has to have %d to %d bytes", leastPassword, mostPassword)
	}
	for _, c := range text {
		if !unicode.IsPrint(c) || c > 0xffff { // as PKCS#12 can write them
			return fault.New(fault.Invalid, "InvalidPassword", "the password has a character that a PKCS#12 store can't have")
		}
	}
	return nil
}

// makeBundle makes a part's key and sends it, packed with all that belongs to it. It
// is never written anywhere here.
func (k *call) makeBundle() error {
	in, err := decode[api.BundleRequest](k)
	if err != nil {
		return err
	}
	password := pki.Secret(in.Password)
	id := pki.Identity{Role: pki.Role(in.Role), Name: in.Name}
	if !id.Role.Node() {
		return fault.New(fault.Invalid, "WrongRole", "a bundle is for an agent, a controller or a cockpit: who signs or logs in makes the key himself and sends a request for a certificate")
	}
	if err := id.Validate(); err != nil {
		return err
	}
	names, ips, err := pki.Hosts(in.Hosts)
	if err != nil {
		return err
	}
	form, err := pki.ParseBundleForm(in.Form)
	if err != nil {
		return err
	}
	if err := bundlePassword(form, password); err != nil {
		return err
	}
	lasts, err := validity(in.ValidHours)
	if err != nil {
		return err
	}
	ca, err := k.authority()
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{"Certificate:" + id.String()}, in.Reason); err != nil {
		return err
	}
	bundle, err := ca.NewBundle(pki.NodeParams{Role: id.Role, Name: id.Name, DNSNames: names, IPs: ips, Validity: lasts, Now: k.clock.Now()}, password)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	w, err := archive.NewWriter(&out, archive.Zip, archive.DefaultLimits())
	if err != nil {
		return err
	}
	if err := pki.WriteBundles(w, form, bundle); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	k.log.Info("a bundle was made", "who", id.String(), "serial", bundle.Serial, "account", k.session.Account.Name)
	return k.sendFile(out.Bytes(), archive.Zip, in.Role+"-"+in.Name+".zip")
}
