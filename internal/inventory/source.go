package inventory

import (
	"strings"

	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/value"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Source returns the text that an author goes on with from a deployed document:
// without what the server put at its head (objectfile.Complete), and without the
// version, which a new deployment gives anew. All else stays byte for byte.
func Source(document string, k item.Key) string {
	n, err := strictjson.Parse([]byte(document), workflow.DocumentLimits())
	if err != nil || n.Kind != strictjson.Object {
		return document
	}
	text := document
	open := n.Offset + 1
	version, _ := n.Get("versionId")
	for _, field := range []struct{ name, text string }{{"TYPE", string(k.Kind)}, {"path", k.Path}, {"versionId", textOf(version)}} {
		inserted := string(appendText(appendText(nil, field.name, ": "), field.text, ", "))
		if strings.HasPrefix(text[open:], inserted) {
			text = text[:open] + text[open+len(inserted):]
		}
	}
	if version == nil || len(text) < len(document) && !strings.Contains(text, "versionId") {
		return text
	}
	return withoutMember(text, "versionId")
}

func textOf(n *strictjson.Node) string {
	if n == nil {
		return ""
	}
	return n.Text
}

func appendText(dst []byte, text, behind string) []byte {
	return append(value.AppendJSON(dst, value.String(text)), behind...)
}

// withoutMember cuts a member with a text out of a document's outermost object,
// with the comma that belongs to it.
func withoutMember(text, key string) string {
	n, err := strictjson.Parse([]byte(text), workflow.DocumentLimits())
	if err != nil {
		return text
	}
	i := indexOf(n.Keys, key)
	if i < 0 || n.Items[i].Kind != strictjson.String {
		return text
	}
	// Between the end of the value before and the beginning of this one there is
	// nothing but a comma, white space, the key and a colon.
	from := n.Offset + 1
	if i > 0 {
		written := strings.LastIndex(text[:n.Items[i].Offset], string(appendText(nil, key, "")))
		if from = strings.LastIndexByte(text[:max(0, written)], ','); from < 0 {
			return text
		}
	}
	to := n.Items[i].Offset + len(appendText(nil, n.Items[i].Text, ""))
	if to > len(text) || text[n.Items[i].Offset:to] != string(appendText(nil, n.Items[i].Text, "")) {
		return text // written with other escapes: the author sees it, and may cut it
	}
	if i == 0 {
		rest := strings.TrimLeft(text[to:], " \t\r\n")
		if after, ok := strings.CutPrefix(rest, ","); ok {
			return text[:from] + strings.TrimLeft(after, " \t")
		}
		return text[:from] + rest
	}
	return text[:from] + text[to:]
}

func indexOf(keys []string, key string) int {
	for i, k := range keys {
		if k == key {
			return i
		}
	}
	return -1
}
