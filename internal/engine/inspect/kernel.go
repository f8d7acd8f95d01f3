package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
)

// maxShownNames bounds the names that one line lists.
const maxShownNames = 12

// inKernel says, a line each, what of a rule is decided before a record is made (bpf/helpers/narrow/); the rest is user space's.
func inKernel(r *engine.Rule) (lines []string) {
	always, narrowed, opens := false, false, false
	for _, t := range r.Types.Types() {
		switch {
		case !t.Captured():
		case t == event.TypeExecve || t == event.TypeExecveat || t == event.TypeProcexit || t == event.TypeIoUringSetup:
			always = true
		default:
			narrowed = true
			opens = opens || event.IsOpen(t)
		}
	}
	if always {
		lines = append(lines, "executed programs, ends of processes and new rings are always sent")
	}
	if fields := r.JudgedBy(); narrowed && len(fields) > 0 {
		lines = append(lines, "the process, judged once an image: "+strings.Join(fields, ", "))
	}
	if opens {
		lines = append(lines, "an opened file's name: "+namesText(r))
	}
	return lines
}

func namesText(r *engine.Rule) string {
	var parts []filter.NamePart
	for _, t := range r.Types.Types() {
		if !event.IsOpen(t) {
			continue
		}
		more, any := r.NameParts(t)
		if any {
			return "any"
		}
		for _, p := range more {
			if !slices.Contains(parts, p) {
				parts = append(parts, p)
			}
		}
	}
	switch {
	case len(parts) == 0:
		return "one with a component that ends with \"..\", or is \".\" or empty"
	}
	words := [...]string{
		filter.NameWhole: "is /%s", filter.NameDirectory: "is in /%s", filter.NameLast: "ends with /%s", filter.NameComponent: "contains /%s/",
		filter.NameTail: "ends with %s", filter.NameBelow: "is or is below /%s", filter.NameHead: "begins with /%s",
	}
	texts := make([]string, 0, maxShownNames)
	for i, p := range parts {
		if i == maxShownNames {
			texts = append(texts, fmt.Sprintf("or one of %d more", len(parts)-i))
			break
		}
		texts = append(texts, fmt.Sprintf(words[p.Kind], strings.TrimPrefix(p.Text, "/")))
	}
	return strings.Join(texts, "; ")
}
