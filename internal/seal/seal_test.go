package seal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
)

func TestSealedIsOpenedOnlyWhereItBelongs(t *testing.T) {
	t.Parallel()
	k, text, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	same, err := ParseKey(text)
	if err != nil || same.ID() != k.ID() {
		t.Fatalf("the key that was read has the id %v: %v", same, err)
	}
	other, _, err := NewKey()
	if err != nil || other.ID() == k.ID() {
		t.Fatal("two keys have one id", err)
	}
	secret, place := []byte("a private key"), []byte("anna")
	sealed := k.Seal(secret, place)
	if bytes.Contains(sealed, secret) || bytes.Equal(sealed, k.Seal(secret, place)) {
		t.Error("the secret can be seen")
	}
	if got, err := same.Open(sealed, place); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("it was opened as %q: %v", got, err)
	}
	refused := func(what string, k *Key, sealed, place []byte) {
		if got, err := k.Open(sealed, place); !fault.HasCode(err, CodeBroken) || !fault.Is(err, fault.Untrusted) || got != nil {
			t.Errorf("%s: got %q, %v", what, got, err)
		}
	}
	refused("another key", other, sealed, place)
	refused("another place", k, sealed, []byte("bob"))
	refused("no place", k, sealed, nil)
	for i := range sealed {
		refused(fmt.Sprintf("cut off at %d", i), k, sealed[:i], place)
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			refused(fmt.Sprintf("bit %d of byte %d turned", bit, i), k, changed, place)
		}
	}
	refused("a byte more", k, append(bytes.Clone(sealed), 0), place)
	if empty, err := k.Open(k.Seal(nil, nil), nil); err != nil || len(empty) != 0 {
		t.Errorf("nothing, sealed, is %q: %v", empty, err)
	}
}

func TestKeyFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "private", "sealing.key")
	if _, err := ReadKey(path); !fault.HasCode(err, CodeKeyMissing) {
		t.Errorf("no file: %v", err)
	}
	k, made, err := MakeKey(path)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	again, made, err := MakeKey(path)
	if err != nil || made || again.ID() != k.ID() {
		t.Errorf("another key was made: %t %v", made, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v: %v", info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(k), fmt.Sprintf("%+v %#v %s", k, k, k), k.LogValue().String()} {
		if strings.Contains(shown, "[") || !strings.Contains(shown, "***") {
			t.Errorf("the key prints as %s", shown)
		}
	}
	for name, content := range map[string][]byte{
		"empty": nil, "no PEM": []byte("x"), "another block": bytes.ReplaceAll(text, []byte("SEALING"), []byte("OTHER")),
		"too short": []byte("-----BEGIN SIGNET SEALING KEY-----\nAAAA\n-----END SIGNET SEALING KEY-----\n"), "too long": bytes.Repeat(text, 100),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := MakeKey(path); !fault.HasCode(err, CodeKeyInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKey(path); !fault.Is(err, fault.Untrusted) || !fault.HasCode(err, CodeKeyInvalid) {
		t.Errorf("a file for the group: %v", err)
	}
}
