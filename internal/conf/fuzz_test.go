package conf_test

import (
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
)

// FuzzLoad: no pair of files makes loading panic; it gives settings or
// problems, each with a file.
func FuzzLoad(f *testing.F) {
	for _, part := range conf.Parts() {
		f.Add(minimal[part], "")
		f.Add(minimal[part]+"signet.tls.keystore { file = a, password = b }", "js7.web.https { truststores = [{file = x, store-password = y}], keystore.key-password = b }")
	}
	f.Add(conf.ExampleController(), "signet.controller.members = [{name = controller-1, url = \"https://a:1\", id = 1}]")
	f.Add(conf.ExampleAgent(), "vars.x = 1\nsignet.job { output-limit = ${vars.x}MiB, nope = [] }")
	f.Add(conf.ExampleCockpit(), "signet.cockpit.https.key-file = ${js7.config-directory}\"/x\"\nsignet.cockpit.database = \"sqlite:x\"")
	f.Fuzz(func(t *testing.T, own, private string) {
		for _, part := range conf.Parts() {
			_, err := load(part, files{string(part) + ".conf": own, "private/private.conf": private})
			if err == nil {
				continue
			}
			e := fault.Of(err)
			if e.Code != "InvalidConfiguration" || len(e.Problems) == 0 {
				t.Fatalf("%#v", e)
			}
			for _, p := range e.Problems {
				if !strings.HasPrefix(p.Where, "/c/") || p.Message == "" {
					t.Fatalf("%#v", p)
				}
			}
		}
	})
}
