package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/inspect"
)

// answer serves the flags that print something and need no configuration. done is false if there was none.
func answer(w io.Writer, f *flags) (done bool, err error) {
	if f.markdown {
		f.format = "markdown"
	}
	switch {
	case f.showVersion:
		_, err = fmt.Fprint(w, versionText())
	case f.list != "" && f.list != "syscall":
		err = fmt.Errorf("list the fields: source %q is unknown; the only one is syscall", f.list)
	case f.list != "":
		err = inspect.ListFields(w, f.format, f.namesOnly)
	case f.listEvents:
		err = inspect.ListEvents(w, f.format)
	case f.ignored:
		err = inspect.ListIgnored(w)
	case f.ruleSchema:
		err = inspect.RuleSchema(w)
	case f.configSchema:
		var schema []byte
		if schema, err = config.Schema(); err == nil {
			_, err = w.Write(schema)
		}
	case f.listPlugins:
		_, err = fmt.Fprint(w, "0 Plugins Loaded:\n\n\n")
	case f.pluginInfo != "":
		err = fmt.Errorf("describe plugin %q: it is not loaded; Saker loads no plugins", f.pluginInfo)
	case f.pageSize:
		_, err = fmt.Fprintf(w, "Your system page size is: %d bytes\n", os.Getpagesize())
	default:
		return false, nil
	}
	return true, err
}

// answerFrom serves those that need the configuration.
func answerFrom(stdout, stderr io.Writer, f *flags, loaded *config.Loaded, cfg config.Config) (done bool, err error) {
	switch {
	case len(f.validate) > 0:
		err = inspect.Validate(stdout, cfg, f.validate)
	case f.describeAll:
		err = inspect.Describe(stdout, stderr, cfg, "")
	case f.describe != "":
		err = inspect.Describe(stdout, stderr, cfg, f.describe)
	case f.support:
		err = inspect.WriteSupport(stdout, cfg, inspect.SupportInfo{Version: version, Args: os.Args, ConfigFiles: loaded.Files})
	default:
		return false, nil
	}
	writeWarnings(stderr, loaded)
	return true, err
}

// checkSources refuses a choice of event sources that leaves none, or names one that is not there, in Falco's words.
func checkSources(enable, disable []string) error {
	if len(enable) > 0 && len(disable) > 0 {
		return errors.New("You can not mix --enable-source and --disable-source") //nolint:staticcheck // Falco's text
	}
	for _, c := range []struct {
		sources []string
		doing   string
	}{{enable, "enabling"}, {disable, "disabling"}} {
		for _, s := range c.sources {
			if s != "syscall" {
				return fmt.Errorf("Attempted %s an unknown event source: %s", c.doing, s) //nolint:staticcheck // Falco's text
			}
		}
	}
	if len(disable) > 0 {
		return errors.New("Must enable at least one event source") //nolint:staticcheck // Falco's text
	}
	return nil
}
