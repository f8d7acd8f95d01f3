package main

import (
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
	case f.list != "":
		err = inspect.ListFields(w, f.list, f.format, f.namesOnly)
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
	case f.listPlugins:
		err = inspect.ListPlugins(stdout, cfg)
	case f.pluginInfo != "":
		err = inspect.DescribePlugin(stdout, cfg, f.pluginInfo)
	case f.support:
		err = inspect.WriteSupport(stdout, cfg, inspect.SupportInfo{Version: version, Args: os.Args, ConfigFiles: loaded.Files})
	default:
		return false, nil
	}
	writeWarnings(stderr, loaded)
	return true, err
}
