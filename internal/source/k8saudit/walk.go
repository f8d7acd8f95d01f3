package k8saudit

import (
	"strings"

	"github.com/valyala/fastjson"

	"github.com/saker-sensor/saker/internal/source/document"
)

// every stands for all elements of the lists on a path.
const every = -1

// walk finds the values at the end of a path. Where it leads through a list it goes on with the element of an index, or with every one;
// an element without the rest of the path yields nil then. An empty key stays where it is. ok is false if there is no such path.
func walk(v *fastjson.Value, index int, keys ...string) (found []*fastjson.Value, ok bool) {
	for i, k := range keys {
		if v.Type() == fastjson.TypeArray {
			elements := v.GetArray()
			if index == every {
				for _, e := range elements {
					below, ok := walk(e, index, keys[i:]...)
					if !ok {
						below = []*fastjson.Value{nil}
					}
					found = append(found, below...)
				}
				return found, true
			}
			if index >= len(elements) {
				return nil, false
			}
			v = elements[index]
		}
		if k != "" {
			v = v.Get(k)
		}
		if v == nil {
			return nil, false
		}
	}
	return []*fastjson.Value{v}, true
}

// texts are those of the values that are there.
func texts(values []*fastjson.Value) (out []string) {
	for _, v := range values {
		if v != nil {
			out = append(out, document.Text(v))
		}
	}
	return out
}

// allTexts are those of all values; ok is false if one is not there.
func allTexts(values []*fastjson.Value) (out []string, ok bool) {
	out = texts(values)
	return out, len(out) == len(values)
}

// textsOr are those of all values, with another text for those that are not there.
func textsOr(values []*fastjson.Value, missing string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		if out[i] = missing; v != nil {
			out[i] = document.Text(v)
		}
	}
	return out
}

// lines are lists of texts, each joined by blanks; ok is false if one is anything else.
func lines(values []*fastjson.Value) (out []string, ok bool) {
	for _, v := range values {
		if v == nil {
			continue
		}
		if v.Type() != fastjson.TypeArray {
			return nil, false
		}
		var words []string
		for _, w := range v.GetArray() {
			if w.Type() != fastjson.TypeString {
				return nil, false
			}
			words = append(words, document.String(w))
		}
		out = append(out, strings.Join(words, " "))
	}
	return out, true
}

// hostPorts are the ports of the host that lists of ports name; of a port without one that of the container, which is the host's in the
// host's network.
func hostPorts(values []*fastjson.Value) (out []string, ok bool) {
	for _, v := range values {
		if v == nil {
			continue
		}
		if v.Type() != fastjson.TypeArray {
			return nil, false
		}
		for _, p := range v.GetArray() {
			for _, key := range []string{"hostPort", "containerPort"} {
				if port := p.Get(key); port != nil {
					out = append(out, document.Text(port))
					break
				}
			}
		}
	}
	return out, true
}

// repository is an image's name up to the first colon or at sign.
func repository(image string) string {
	name, _, _ := strings.Cut(image, ":")
	name, _, _ = strings.Cut(name, "@")
	return name
}
