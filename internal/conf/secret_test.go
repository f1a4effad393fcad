package conf_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/signet-scheduler/signet/internal/conf"
)

// holders are the ways a secret may hide in what somebody prints.
func holders(s conf.Secret) []any {
	type inner struct {
		Shown  conf.Secret
		hidden conf.Secret
	}
	return []any{
		s, &s,
		[]conf.Secret{s},
		map[string]conf.Secret{"k": s},
		map[string]any{"k": s},
		inner{s, s},
		&inner{s, s},
		[]any{inner{s, s}, &s},
		conf.TLS{KeystorePassword: s, TrustPassword: s},
		&conf.Agent{TLS: conf.TLS{KeystorePassword: s}}, fmt.Errorf("with %v", s),
	}
}

func TestSecretNeverLeaks(t *testing.T) {
	t.Parallel()
	const value = "tOp5ecReT"
	hexed := fmt.Sprintf("%x", value)
	check := func(how, out string) {
		low := strings.ToLower(out)
		if strings.Contains(low, strings.ToLower(value)) || strings.Contains(low, hexed) || strings.Contains(out, fmt.Sprint([]byte(value))) {
			t.Errorf("%s shows the secret: %s", how, out)
		}
	}
	for _, v := range holders(conf.NewSecret(value)) {
		for verb := 'A'; verb <= 'z'; verb++ {
			for _, flags := range []string{"", "+", "#", "-20", " ", "0", ".3", "+#"} {
				format := "%" + flags + string(verb)
				check(format, fmt.Sprintf(format, v))
			}
		}
		check("Sprint", fmt.Sprint(v))
		if out, err := json.Marshal(v); err == nil {
			check("JSON", string(out))
		}
		if out, err := xml.Marshal(v); err == nil {
			check("XML", string(out))
		}
		var b bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
			slog.New(h).Info("m", "v", v, slog.Group("g", "v", v))
		}
		check("slog", b.String())
	}
	s := conf.NewSecret(value)
	if s.Reveal() != value || s.IsEmpty() || fmt.Sprintf("%v|%s|%+v|%#v|%d", s, s, s, s, s) != "***|***|***|***|***" {
		t.Errorf("%v", s)
	}
	if out, _ := json.Marshal(s); string(out) != `"***"` {
		t.Errorf("JSON is %s", out)
	}
}

func TestSecretEqual(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		if conf.NewSecret(a).Equal(conf.NewSecret(b)) != (a == b) || !conf.NewSecret(a).Equal(conf.NewSecret(a)) || conf.NewSecret(a).Reveal() != a {
			t.Fatalf("%q %q", a, b)
		}
	})
	if !(conf.Secret{}).IsEmpty() || !conf.NewSecret("").Equal(conf.Secret{}) {
		t.Error("the zero Secret isn't empty")
	}
}
