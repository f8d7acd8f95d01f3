package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// stage is the last stage of a Dockerfile, as far as it says what the image holds: no command runs in it.
type stage struct {
	copies []copied
	config v1.Config
}

// copied is a file of the image and where the build stage has it.
type copied struct{ from, to string }

// readStage reads the last stage. args stand in for its ARGs, and for TARGETARCH. An instruction that can't be followed here is an error.
func readStage(dockerfile string, args map[string]string) (*stage, error) {
	text, err := os.ReadFile(dockerfile)
	if err != nil {
		return nil, fmt.Errorf("read the image's definition: %w", err)
	}
	last := stage{}
	for number, line := range strings.Split(string(text), "\n") {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "FROM" {
			last = stage{}
			if rest != "scratch" {
				last.config.Image = rest // a stage to build in, unless it is the last
			}
			continue
		}
		if word == "" || word[0] == '#' || last.config.Image != "" {
			continue
		}
		if err := last.follow(word, os.Expand(rest, func(name string) string { return args[name] })); err != nil {
			return nil, fmt.Errorf("read the image's definition: %s:%d: %w", dockerfile, number+1, err)
		}
	}
	if last.config.Image != "" {
		return nil, fmt.Errorf(
			"read the image's definition: %s: the last stage is FROM %s; only scratch can be built without a registry",
			dockerfile,
			last.config.Image,
		)
	}
	return &last, nil
}

func (s *stage) follow(word, rest string) error {
	switch word {
	case "ARG": // given by the caller
	case "COPY":
		words := strings.Fields(rest)
		if len(words) != 3 || words[0] != "--from=build" {
			return fmt.Errorf("COPY %s: write COPY --from=build FILE FILE", rest)
		}
		s.copies = append(s.copies, copied{words[1], words[2]})
	case "LABEL":
		name, value, err := pair(rest)
		if err != nil {
			return err
		}
		if s.config.Labels == nil {
			s.config.Labels = map[string]string{}
		}
		s.config.Labels[name] = value
	case "ENV":
		name, value, err := pair(rest)
		if err != nil {
			return err
		}
		s.config.Env = append(s.config.Env, name+"="+value)
	case "USER":
		s.config.User = rest
	case "ENTRYPOINT":
		if err := json.Unmarshal([]byte(rest), &s.config.Entrypoint); err != nil {
			return fmt.Errorf("ENTRYPOINT %s: write it as a JSON list: %w", rest, err)
		}
	default:
		return fmt.Errorf("%s is not known here; see deploy/image", word)
	}
	return nil
}

// pair reads NAME="VALUE".
func pair(text string) (name, value string, err error) {
	name, quoted, found := strings.Cut(text, "=")
	if !found || json.Unmarshal([]byte(quoted), &value) != nil {
		return "", "", fmt.Errorf("%s: write NAME=\"VALUE\", one a line", text)
	}
	return name, value, nil
}
