package conf

import (
	"strconv"
	"strings"
)

// ExampleController returns a controller.conf with every key, what it means,
// and its default, commented out.
func ExampleController() string { return example(ControllerPart) }

// ExampleAgent is ExampleController for an agent.conf. The Agent's name, which
// has no default of its own, is set.
func ExampleAgent() string { return example(AgentPart) }

// ExampleCockpit is ExampleController for a cockpit.conf. The Controllers,
// which have no default, are set.
func ExampleCockpit() string { return example(CockpitPart) }

func example(part Part) string {
	var b strings.Builder
	b.WriteString("# " + string(part) + ".conf, in HOCON. Every key has its default here unless it says otherwise.\n")
	b.WriteString("# Keep passwords in private/private.conf, which is read over this file.\n")
	section := ""
	for _, key := range Keys(part) {
		if strings.Contains(key.Name, "[]") || strings.HasPrefix(key.Name, "js7.") {
			continue
		}
		if s := sectionOf(key.Name); s != section {
			section = s
			b.WriteString("\n# ---- " + section + "\n")
		}
		b.WriteString("\n")
		for _, line := range wrap(strings.ReplaceAll(key.Meaning, "`", ""), 100) {
			b.WriteString("# " + line + "\n")
		}
		if key.Range != "" {
			b.WriteString("# (" + key.Type + ": " + strings.ReplaceAll(key.Range, "`", "") + ")\n")
		}
		switch {
		case key.Required || key.advised:
			b.WriteString(key.Name + " = " + key.sample + "\n")
		case key.Default != "":
			b.WriteString("#" + key.Name + " = " + key.Default + "\n")
		default:
			b.WriteString("# No default: " + key.Name + " = " + key.sample + "\n")
		}
	}
	return b.String()
}

// sectionOf returns the first two parts of a key.
func sectionOf(name string) string {
	parts := strings.Split(name, ".")
	return strings.Join(parts[:min(2, len(parts)-1)], ".")
}

// wrap breaks text into lines of at most width bytes, where blanks let it.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

func sizeDigits(n uint64) string { return strconv.FormatUint(n, 10) }
