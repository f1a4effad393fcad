package cli_test

import (
	"os"
	"strings"
	"testing"
)

// docs/operations/command-line.md has every verb, and every flag of every verb
// but those that are explained elsewhere.
func TestEveryVerbIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/operations/command-line.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	var visit func(args []string)
	visit = func(args []string) {
		out := run(t, "", nil, append(append([]string(nil), args...), "--help")...).want(t, 0).out
		_, list, found := strings.Cut(out, "Available Commands:\n")
		if !found {
			if path := "`signet " + strings.Join(args, " "); !strings.Contains(page, path) {
				t.Errorf("%s` isn't there", path)
			}
			if args[0] != "ca" && args[0] != "cockpit" && args[0] != "dev" && args[0] != "completion" {
				flagsOf(t, page, args, out)
			}
			return
		}
		list, _, _ = strings.Cut(list, "\n\n")
		for line := range strings.SplitSeq(list, "\n") {
			if name := strings.Fields(line)[0]; name != "help" && name != "zsh" && name != "fish" && name != "powershell" {
				visit(append(append([]string(nil), args...), name))
			}
		}
	}
	visit(nil)
}

func flagsOf(t *testing.T, page string, args []string, help string) {
	t.Helper()
	_, list, found := strings.Cut(help, "\nFlags:\n")
	if !found {
		t.Errorf("signet %s has no flags", strings.Join(args, " "))
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for line := range strings.SplitSeq(list, "\n") {
		for word := range strings.FieldsSeq(line) {
			if !strings.HasPrefix(word, "--") || word == "--help" {
				continue
			}
			short := ""
			if word == "--follow" {
				short = "`-f`"
			}
			if !strings.Contains(page, word) && (short == "" || !strings.Contains(page, short)) {
				t.Errorf("%s of signet %s isn't there", word, strings.Join(args, " "))
			}
			break
		}
	}
}
