package config

import "slices"

// keys is the table of all keys, in the order of the documentation.
func keys() []key {
	return slices.Concat(ruleKeys(), formatKeys(), controlKeys(), sinkKeys(), logKeys(), operationKeys(), sourceKeys(), otherKeys())
}

func ruleKeys() []key {
	return []key{
		{
			name: "config_files",
			typ:  mixed,
			doc: "more configuration files and directories, merged in this order into the file that names them; a directory stands for its " +
				"files, sorted by name",
		},
		{name: "config_files[].path", typ: text, doc: "the file or directory"},
		{
			name:    "config_files[].strategy",
			typ:     text,
			allowed: []string{"append", "override", "add-only"},
			doc: "`append` (default): lists grow, other keys are replaced; `override`: lists are replaced too; `add-only`: keys that are " +
				"there stay",
		},
		{name: "watch_config_files", typ: boolean, doc: "reload when a configuration or rule file changes; SIGHUP does so too"},
		{
			name: "rules_files",
			typ:  texts,
			doc:  "rule files and directories, in the order in which they load; what is absent is skipped; none means the built-in rules",
		},
		{name: "rules_file", typ: texts, doc: "the old name of `rules_files`"},
		{
			name:   "rule_files",
			typ:    texts,
			doc:    "known to Falco's schema, but not read",
			effect: inapplicable,
			why:    "Falco's schema lists it, but the key that is read is rules_files",
		},
		{name: "rules", typ: sections, doc: "switch rules on and off once all are loaded, in this order"},
		{name: "rules[].enable", typ: section, doc: "switch on the rules that fit"},
		{name: "rules[].enable.rule", typ: text, doc: "a rule's name, `*` for any text"},
		{name: "rules[].enable.tag", typ: text, doc: "a tag"},
		{name: "rules[].disable", typ: section, doc: "switch off the rules that fit"},
		{name: "rules[].disable.rule", typ: text, doc: "a rule's name, `*` for any text"},
		{name: "rules[].disable.tag", typ: text, doc: "a tag"},
		{
			name:    "priority",
			typ:     text,
			allowed: []string{"emergency", "alert", "critical", "error", "warning", "notice", "informational", "info", "debug"},
			doc:     "the least severe priority that is loaded",
		},
		{
			name:    "rule_matching",
			typ:     text,
			allowed: []string{"first", "all"},
			doc:     "whether an event alerts by the `first` rule that matches, or by `all`",
		},
	}
}

func formatKeys() []key {
	return []key{
		{name: "json_output", typ: boolean, doc: "alerts as JSON, a line each, instead of text"},
		{name: "json_include_output_property", typ: boolean, doc: "`output` in JSON alerts"},
		{name: "json_include_message_property", typ: boolean, doc: "`message` in JSON alerts: the output without time and priority"},
		{name: "json_include_output_fields_property", typ: boolean, doc: "`output_fields` in JSON alerts"},
		{name: "json_include_tags_property", typ: boolean, doc: "`tags` in JSON alerts"},
		{
			name: "json_include_alert_id_property",
			typ:  boolean,
			doc:  "`alert_id` in JSON alerts: the same for every output, and if the alert comes twice",
		},
		{name: "time_format_iso_8601", typ: boolean, doc: "times as ISO 8601 in text alerts"},
		{name: "buffer_format_base64", typ: boolean, doc: "byte fields as base64"},
		{name: "append_output", typ: sections, doc: "add to the outputs of the rules that fit"},
		{name: "append_output[].match", typ: section, doc: "which rules; all of its parts must fit, none fits all"},
		{name: "append_output[].match.source", typ: text, doc: "the rule's source"},
		{name: "append_output[].match.rule", typ: text, doc: "the rule's name"},
		{name: "append_output[].match.tags", typ: texts, doc: "tags that the rule has"},
		{name: "append_output[].extra_output", typ: text, doc: "a text with fields, put behind the output"},
		{name: "append_output[].extra_fields", typ: mixed, doc: "names of fields, or a key with a text of fields, put into `output_fields`"},
		{name: "append_output[].suggested_output", typ: boolean, doc: "the container's and the pod's names behind the output"},
		{name: "static_fields", typ: textMap, doc: "constants that rules and outputs read as `static.NAME`; `suggested_output` appends them too"},
	}
}

// controlKeys are Saker's own.
func controlKeys() []key {
	return []key{
		{name: "redaction", typ: section, doc: "replace secrets in alerts; rules see them. Falco has no such key"},
		{name: "redaction.enabled", typ: boolean, doc: "on or off"},
		{name: "redaction.defaults", typ: boolean, doc: "the built-in forms of passwords, tokens and keys"},
		{
			name: "redaction.patterns",
			typ:  texts,
			doc:  "more of them, as RE2 regular expressions: what the groups match is replaced, or all without a group",
		},
		{
			name: "deduplication",
			typ:  section,
			doc:  "hold alerts back that tell the same again: rule, container, executable and file. Falco has no such key",
		},
		{
			name: "deduplication.window",
			typ:  duration,
			zero: true,
			doc:  "how long after an alert others are held back and counted; 0 holds none. Rules of priority critical and above never are",
		},
		{name: "deduplication.rules", typ: sections, doc: "rules with a window of their own; the last entry that fits a rule counts"},
		{name: "deduplication.rules[].rule", typ: text, doc: "a rule's name, `*` for any text"},
		{name: "deduplication.rules[].tag", typ: text, doc: "a tag"},
		{name: "deduplication.rules[].window", typ: duration, zero: true, doc: "its window; 0 holds none back"},
	}
}
