package trust_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// The stored form never changes.
func TestEvidenceJSONForm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ev   trust.Evidence
		want string
	}{
		{trust.Evidence{Kind: trust.X509, Signature: []byte{0xff, 0xfe, 1}}, `{"TYPE":"X509","signature":"//4B"}`},
		{trust.Evidence{Kind: trust.X509, Signature: []byte{1}, Certificates: []byte("PEM\n")}, `{"TYPE":"X509","signature":"AQ==","certificates":"PEM\n"}`},
		{trust.Evidence{Kind: trust.PGP, Signature: []byte("armour+/=\n")}, `{"TYPE":"PGP","signature":"armour+/=\n"}`},
		{trust.Evidence{Kind: trust.SSH, Signature: []byte("armour\n")}, `{"TYPE":"SSH","signature":"armour\n"}`},
	} {
		got, err := json.Marshal(tt.ev)
		if err != nil || string(got) != tt.want {
			t.Errorf("got %s, %v, want %s", got, err, tt.want)
		}
		var back trust.Evidence
		if err := json.Unmarshal(got, &back); err != nil || !same(back, tt.ev) {
			t.Errorf("%s: read back %+v, %v", got, back, err)
		}
	}
	for name, ev := range map[string]trust.Evidence{
		"no kind":      {Signature: []byte{1}},
		"no signature": {Kind: trust.X509},
		"certificates": {Kind: trust.SSH, Signature: []byte{1}, Certificates: []byte{1}},
	} {
		if text, err := json.Marshal(ev); err == nil {
			t.Errorf("%s: written as %s", name, text)
		}
	}
}

// There is one way to write evidence; whatever is missing, doubled or stripped is
// refused.
func TestEvidenceJSONIsStrict(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, `null`, `[]`, `"x"`, `1`, `true`, `{}`, `{`, `{"TYPE"`, `{"TYPE":`, `{"TYPE":"X509"`, `{"TYPE":"X509"}`,
		`{"signature":"AQ=="}`, `{"TYPE":"X509","signature":""}`, `{"TYPE":"X509","signature":null}`,
		`{"TYPE":"X509","signature":[]}`, `{"TYPE":"X509","signature":["AQ=="]}`, `{"TYPE":"X509","signature":{}}`,
		`{"TYPE":"X509","signature":1}`, `{"TYPE":null,"signature":"AQ=="}`, `{"TYPE":"","signature":"AQ=="}`,
		`{"TYPE":"x509","signature":"AQ=="}`, `{"TYPE":"Silly","signature":"AQ=="}`, `{"TYPE":"none","signature":"AQ=="}`,
		`{"type":"X509","signature":"AQ=="}`, `{"TYPE":"X509","Signature":"AQ=="}`, `{"TYPE":"X509","\u017fignature":"AQ=="}`,
		`{"TYPE":"X509","TYPE":"X509","signature":"AQ=="}`, `{"TYPE":"X509","signature":"AQ==","signature":"AQ=="}`,
		`{"TYPE":"X509","signature":"AQ==","certificates":"a","certificates":"b"}`,
		`{"TYPE":"X509","signature":"AQ==","certificates":""}`, `{"TYPE":"X509","signature":"AQ==","certificates":null}`,
		`{"TYPE":"X509","signature":"AQ==","algorithm":"SHA512withRSA"}`, `{"TYPE":"X509","signature":"AQ==","signatures":[]}`,
		`{"TYPE":"X509","signature":"AQ"}`, `{"TYPE":"X509","signature":"AR=="}`, `{"TYPE":"X509","signature":"AQ==\n"}`,
		`{"TYPE":"X509","signature":"A Q=="}`, `{"TYPE":"X509","signature":"_-8="}`, `{"TYPE":"X509","signature":" AQ=="}`,
		`{"TYPE":"PGP","signature":"x","certificates":"y"}`, `{"TYPE":"SSH","signature":"x","certificates":"y"}`,
		`{"TYPE":"X509","signature":"AQ=="} `[:33] + `x`, `{"TYPE":"X509","signature":"AQ=="}{}`, `{"TYPE":"X509" "signature":"AQ=="}`,
		`{"TYPE":"X509","signature":"AQ==",}`, `{'TYPE':'X509'}`,
		`{"TYPE":"X509","signature":"` + strings.Repeat("A", 200<<10) + `"}`,
		`{"TYPE":"PGP","signature":"` + strings.Repeat("A", 20<<10) + `"}`,
		`{"TYPE":"X509","signature":"AQ==","certificates":"` + strings.Repeat("A", 70<<10) + `"}`,
	} {
		var ev trust.Evidence
		if err := ev.UnmarshalJSON([]byte(text)); !fault.Is(err, fault.Untrusted) {
			t.Errorf("%.80s: got %v, want a refusal", text, err)
		}
		if ev.Kind != "" || ev.Signature != nil {
			t.Errorf("%.80s: left %+v behind", text, ev)
		}
	}
}

// The table of evidence files.
func TestEvidenceFiles(t *testing.T) {
	t.Parallel()
	x := trusttest.NewX509(t, "who")
	ev := trusttest.Sign(t, x.Key, doc)
	bare := trust.Evidence{Kind: trust.X509, Signature: ev.Signature}
	sig, pem := ev.Files()[".sig"], ev.Certificates
	pgp := trusttest.Sign(t, trusttest.NewPGP(t, "who").Key, doc)
	ssh := trusttest.Sign(t, trusttest.NewSSH(t, "who").Key, doc)
	oneLine := []byte(base64.StdEncoding.EncodeToString(ev.Signature))
	type files = map[string][]byte
	for name, tt := range map[string]struct {
		files files
		want  trust.Evidence
		code  string
	}{
		"sig and pem":               {files: files{".sig": sig, ".pem": pem}, want: ev},
		"sig":                       {files: files{".sig": sig}, want: bare},
		"sig on one line":           {files: files{".sig": oneLine}, want: bare},
		"sig with empty lines":      {files: files{".sig": append(append([]byte("\n"), sig...), "\r\n\n"...)}, want: bare},
		"asc with base64":           {files: files{".asc": sig}, want: bare},
		"asc with base64 and pem":   {files: files{".asc": sig, ".pem": pem}, want: ev},
		"pem with base64":           {files: files{".pem": sig}, want: bare},
		"pem without last line end": {files: files{".sig": sig, ".pem": bytes.TrimSpace(pem)}, want: ev},
		"asc":                       {files: files{".asc": pgp.Signature}, want: pgp},
		"sshsig":                    {files: files{".sshsig": ssh.Signature}, want: ssh},

		"none":                    {code: trust.CodeMissingEvidence},
		"pem alone":               {files: files{".pem": pem}, code: trust.CodeMissingEvidence},
		"empty sig":               {files: files{".sig": {}}, code: trust.CodeMalformedSignature},
		"blank sig":               {files: files{".sig": []byte("\n\n")}, code: trust.CodeMalformedSignature},
		"empty pem":               {files: files{".sig": sig, ".pem": {}}, code: trust.CodeMalformedSignature},
		"empty asc":               {files: files{".asc": {}}, code: trust.CodeMalformedSignature},
		"empty sshsig":            {files: files{".sshsig": {}}, code: trust.CodeMalformedSignature},
		"sig of spaces":           {files: files{".sig": []byte(" ")}, code: trust.CodeMalformedSignature},
		"sig null":                {files: files{".sig": []byte("null")[:3]}, code: trust.CodeMalformedSignature},
		"binary sig":              {files: files{".sig": ev.Signature}, code: trust.CodeMalformedSignature},
		"sig not padded":          {files: files{".sig": []byte("AQ")}, code: trust.CodeMalformedSignature},
		"sig with bits left":      {files: files{".sig": []byte("AR==")}, code: trust.CodeMalformedSignature},
		"sig in URL letters":      {files: files{".sig": []byte("_-8=")}, code: trust.CodeMalformedSignature},
		"sig with junk":           {files: files{".sig": append([]byte("# by me\n"), sig...)}, code: trust.CodeMalformedSignature},
		"sig too long":            {files: files{".sig": bytes.Repeat([]byte("AAAA"), 6<<10)}, code: trust.CodeMalformedSignature},
		"pem too long":            {files: files{".sig": sig, ".pem": bytes.Repeat(pem, 200)}, code: trust.CodeMalformedEvidence},
		"pem with text":           {files: files{".sig": sig, ".pem": append([]byte("-----BEGIN \nsubject=CN = who\n"), pem...)}, code: trust.CodeMalformedCertificate},
		"pem with text after":     {files: files{".sig": sig, ".pem": append(bytes.Clone(pem), "x\n"...)}, code: trust.CodeMalformedCertificate},
		"pem of a key":            {files: files{".sig": sig, ".pem": x.Private}, code: trust.CodeMalformedCertificate},
		"pem cut off":             {files: files{".sig": sig, ".pem": pem[:100]}, code: trust.CodeMalformedCertificate},
		"pem with header":         {files: files{".sig": sig, ".pem": bytes.Replace(pem, []byte("-----\n"), []byte("-----\nA: b\n\n"), 1)}, code: trust.CodeMalformedCertificate},
		"pem with other lines":    {files: files{".sig": sig, ".pem": bytes.Replace(pem, []byte("MII"), []byte("M\nII"), 1)}, code: trust.CodeMalformedCertificate},
		"sig and asc":             {files: files{".sig": sig, ".asc": pgp.Signature}, code: trust.CodeSurplusEvidence},
		"sig and sshsig":          {files: files{".sig": sig, ".sshsig": ssh.Signature}, code: trust.CodeSurplusEvidence},
		"the same twice":          {files: files{".sig": sig, ".asc": sig}, code: trust.CodeSurplusEvidence},
		"sig and base64 pem":      {files: files{".sig": sig, ".pem": sig}, code: trust.CodeSurplusEvidence},
		"asc and pem":             {files: files{".asc": pgp.Signature, ".pem": pem}, code: trust.CodeSurplusEvidence},
		"sshsig and pem":          {files: files{".sshsig": ssh.Signature, ".pem": pem}, code: trust.CodeSurplusEvidence},
		"unknown suffix":          {files: files{".sig": sig, ".p7s": {1}}, code: trust.CodeSurplusEvidence},
		"suffix in capitals":      {files: files{".SIG": sig}, code: trust.CodeSurplusEvidence},
		"asc of two signatures":   {files: files{".asc": append(bytes.Clone(pgp.Signature), pgp.Signature...)}, code: trust.CodeMalformedSignature},
		"asc with unknown header": {files: files{".asc": bytes.Replace(pgp.Signature, []byte("\n\n"), []byte("\nHash: SHA1\n\n"), 1)}, code: trust.CodeMalformedSignature},
		"asc with control byte":   {files: files{".asc": bytes.Replace(pgp.Signature, []byte("\n\n"), []byte("\nComment: \x1b\n\n"), 1)}, code: trust.CodeMalformedSignature},
		"asc with letters":        {files: files{".asc": bytes.Replace(pgp.Signature, []byte("\n\n"), []byte("\nComment: \u00e4\n\n"), 1)}, code: trust.CodeMalformedSignature},
		"sig with lone CR":        {files: files{".sig": []byte("AQ\r==")}, code: trust.CodeMalformedSignature},
		"asc end not on a line":   {files: files{".asc": bytes.Replace(pgp.Signature, []byte("\n-----END"), []byte("-----END"), 1)}, code: trust.CodeMalformedSignature},
		"asc without end":         {files: files{".asc": pgp.Signature[:len(pgp.Signature)-28]}, code: trust.CodeMalformedSignature},
		"asc without empty line":  {files: files{".asc": bytes.Replace(pgp.Signature, []byte("\n\n"), []byte("\n"), 1)}, code: trust.CodeMalformedSignature},
		"asc with wrong checksum": {files: files{".asc": wrongChecksum(pgp.Signature)}, code: trust.CodeMalformedSignature},
		"sshsig in asc":           {files: files{".asc": ssh.Signature}, code: trust.CodeMalformedSignature},
		"asc in sshsig":           {files: files{".sshsig": pgp.Signature}, code: trust.CodeMalformedSignature},
	} {
		got, err := trust.EvidenceFromFiles(tt.files)
		switch {
		case tt.code == "" && (err != nil || !same(got, tt.want)):
			t.Errorf("%s: got %+v, %v", name, got, err)
		case tt.code != "" && !fault.HasCode(err, tt.code):
			t.Errorf("%s: got %v, want code %s", name, err, tt.code)
		}
	}
}

func wrongChecksum(text []byte) []byte {
	at := bytes.LastIndex(text, []byte("\n=")) + 2
	changed := bytes.Clone(text)
	changed[at] = 'A' + (changed[at]-'A'+1)%26
	return changed
}

func TestVerifyRefusesWhatItCantJudge(t *testing.T) {
	t.Parallel()
	who := trusttest.NewSSH(t, "who")
	set := trusttest.Set(t, who)
	if _, err := set.Verify(doc, trusttest.Sign(t, who.Key, doc), time.Time{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a time: got %v", err)
	}
	if _, err := set.Verify(make([]byte, trust.MaxDocument+1), trusttest.Sign(t, who.Key, doc), trusttest.Now()); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a document that is too long: got %v", err)
	}
	for code, ev := range map[string]trust.Evidence{
		trust.CodeMalformedEvidence:    {Kind: "X", Signature: []byte{1}},
		trust.CodeMissingEvidence:      {Kind: trust.SSH},
		trust.CodeMalformedSignature:   {Kind: trust.SSH, Signature: make([]byte, trust.MaxSignature+1)},
		trust.CodeMalformedCertificate: {Kind: trust.X509, Signature: []byte{1}, Certificates: make([]byte, trust.MaxCertificates+1)},
		trust.CodeSurplusEvidence:      {Kind: trust.SSH, Signature: []byte{1}, Certificates: []byte{1}},
	} {
		if _, err := set.Verify(doc, ev, trusttest.Now()); !fault.HasCode(err, code) {
			t.Errorf("got %v, want code %s", err, code)
		}
	}
	for _, bits := range []int{1, 1024, 2047, 8193} {
		if _, err := trust.NewSet(trust.Policy{MinRSABits: bits}, nil, nil, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("a policy of %d bits: got %v", bits, err)
		}
	}
}
