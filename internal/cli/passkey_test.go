package cli_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/api"
)

func TestPasskeyVerbs(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	f.on("GET /me/passkeys", answerWith(api.Passkeys{Passkeys: []api.Passkey{
		{Id: "AQ", Name: "blue key", KeyId: "0123456789abcdef01", Origin: "https://c", TrustFile: "{\n}\n", LastUsedAt: 1_790_000_000_000, BackupEligible: true},
		{Id: "Ag", Name: "red", KeyId: "ff", Origin: "https://c", TrustFile: "{}\n"},
		{Id: "Aw", Name: "red", KeyId: "fe", Origin: "https://c", TrustFile: "{}\n"},
	}}))
	f.on("POST /me/passkeys/Ag", answerWith(api.Passkeys{Passkeys: []api.Passkey{{Id: "Ag", Name: "green"}}}))
	f.on("DELETE /me/passkeys/AQ", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	got := f.run(t, "passkey", "list").want(t, 0)
	if !strings.Contains(got.out, "0123456789abcdef ") || strings.Count(got.out, "never") != 2 || strings.Count(got.out, "\n") != 4 {
		t.Errorf("list: %q", got.out)
	}
	if got := f.run(t, "passkey", "list", "-o", "json").want(t, 0); !strings.Contains(got.out, `"lastUsedAt": 1790000000000`) {
		t.Errorf("list: %q", got.out)
	}
	if got := f.run(t, "passkey", "trust-file", "blue key").want(t, 0); got.out != "{\n}\n" {
		t.Errorf("trust-file: %q", got.out)
	}
	f.run(t, "passkey", "trust-file", "Aw").want(t, 0)
	f.run(t, "passkey", "trust-file", "none").want(t, 3)
	if got := f.run(t, "passkey", "trust-file", "red").want(t, 2); !strings.Contains(got.err, "Ag or Aw") {
		t.Errorf("two of a name: %q", got.err)
	}
	if got := f.run(t, "passkey", "rename", "Ag", "green").want(t, 0); !strings.Contains(got.out, "green") || f.last(t, "POST /me/passkeys/Ag").body != `{"name":"green"}` {
		t.Errorf("rename: %q", got.out)
	}
	if got := f.run(t, "passkey", "remove", "blue key").want(t, 0); !strings.Contains(got.err, "blue key is forgotten") {
		t.Errorf("remove: %q", got.err)
	}
	none := newCockpit(t)
	none.on("GET /me/passkeys", answerWith(api.Passkeys{}))
	if got := none.run(t, "passkey", "list").want(t, 0); !strings.Contains(got.out, "You have no passkey") {
		t.Errorf("none: %q", got.out)
	}
}
