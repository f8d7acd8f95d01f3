package tune

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/saker-sensor/saker/internal/event"
)

// TestPage: the page is well formed, asks for nothing, and shows names of processes and files as texts, whatever they are.
func TestPage(t *testing.T) {
	evil := `/bin/</pre><script>alert(1)</script>"'&`
	r := run(t, rules, []*event.Event{
		open(5*second, evil, "x", "/etc/a"), open(500*second, evil, "x", "/etc/a"), open(7*second, "/bin/x", "y", "/dev/z"),
	}, nil)
	page, err := Page(r)
	if err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	counts, text := map[string]int{}, ""
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			counts[n.Data]++
			for _, a := range n.Attr {
				if a.Key == "src" || a.Key == "href" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
				}
			}
		}
		if n.Type == html.TextNode {
			text += n.Data
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	if counts["script"] != 0 || counts["details"] != 2 || counts["svg"] != 4 || counts["rect"] < 6 {
		t.Errorf("elements %v", counts)
	}
	for _, want := range []string{
		evil, "3 alerts of 2 rules", "With this exception 2 alerts go and 0 stay", "--force proposes one", "1970-01-01 00:00:05 UTC",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
