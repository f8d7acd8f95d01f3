package tune

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// exceptionYAML defines the exception of a group.
func exceptionYAML(g *Group) string {
	var fields, comps, values []string
	for _, p := range g.Parts {
		fields, comps, values = append(fields, p.Field), append(comps, `"="`), append(values, quoted(literal(p.Value)))
	}
	sum := sha256.Sum256([]byte(strings.Join(append(fields, values...), "\n")))
	var b strings.Builder
	fmt.Fprintf(&b, "- rule: %s\n  exceptions:\n    - name: tuned_%s\n", quoted(g.Rule), hex.EncodeToString(sum[:4]))
	fmt.Fprintf(&b, "      fields: [%s]\n      comps: [%s]\n      values:\n        - [%s]\n  override:\n    exceptions: append\n",
		strings.Join(fields, ", "), strings.Join(comps, ", "), strings.Join(values, ", "))
	return b.String()
}

// literal is a value as a condition has it, into which an exception's values are put as they are: in quotes unless it is plain.
func literal(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "" {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// quoted is a text in JSON, which YAML reads, too.
func quoted(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always can be
	return strings.TrimSuffix(b.String(), "\n")
}
