package suggest

import "testing"

func TestHint(t *testing.T) {
	known := []string{"condition", "output", "priority", "tags"}
	for word, want := range map[string]string{
		"conditon":  "did you mean 'condition'?",
		"ouptut":    "did you mean 'output'?", // two letters swapped count once
		"tag":       "did you mean 'tags'?",
		"tags":      "",
		"ta":        "",
		"something": "",
		"":          "",
	} {
		if got := Hint(word, known); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
