package installer

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
)

// completionVerb makes a verb that prints what a shell needs.
func completionVerb(shell, title, help string, script func(t completionTable) string) verb {
	return verb{name: "completion " + shell, summary: "print what " + title + " needs to complete the words of this program", help: help,
		setup: func(*flag.FlagSet) action {
			return func(_ context.Context, args []string) (answer, error) {
				return completionAnswer{script(newCompletionTable())}, none(args)
			}
		}}
}

var bashVerb = completionVerb("bash", "bash", `
The packages of the system install it. Otherwise, for this shell, or for all:

  source <(oibus-installer completion bash)
  oibus-installer completion bash | sudo tee /etc/bash_completion.d/oibus-installer`, bashCompletion)

type completionAnswer struct {
	Script string `json:"script"`
}

func (a completionAnswer) text() string { return a.Script }

// completionTable is the table of verbs in the order of words on a command line.
type completionTable struct {
	first  []string            // words, of verbs of one or two words
	second map[string][]string // by the first word
	verbs  []completionRow
}

type completionRow struct {
	words   []string
	summary string
	options []described
}

func newCompletionTable() completionTable {
	t := completionTable{second: map[string][]string{}}
	for _, v := range verbs {
		r := completionRow{strings.Fields(v.name), v.summary, append(v.described(), described{"--help", "help", "explain this verb"})}
		if !slices.Contains(t.first, r.words[0]) {
			t.first = append(t.first, r.words[0])
		}
		if len(r.words) > 1 {
			t.second[r.words[0]] = append(t.second[r.words[0]], r.words[1])
		}
		t.verbs = append(t.verbs, r)
	}
	return t
}

// optionWords are the options of a verb, dashes and all.
func (r completionRow) optionWords() string {
	words := make([]string, len(r.options))
	for n, d := range r.options {
		words[n] = "--" + d.bare
	}
	return strings.Join(words, " ")
}

// fill puts the table into a template, with a line for each first word of two and one for each verb.
func (t completionTable) fill(template, second, verb string) string {
	var seconds, cases []string
	for _, word := range t.first {
		if list := t.second[word]; list != nil {
			seconds = append(seconds, fmt.Sprintf(second, word, strings.Join(list, " ")))
		}
	}
	for _, r := range t.verbs {
		cases = append(cases, fmt.Sprintf(verb, strings.Join(r.words, " "), r.optionWords()))
	}
	return strings.NewReplacer("{{first}}", strings.Join(t.first, " ")+" help", "{{second}}", strings.Join(seconds, "\n"),
		"{{cases}}", strings.Join(cases, "\n")).Replace(template)
}

// bashCompletion needs nothing of the package bash-completion.
func bashCompletion(t completionTable) string {
	return t.fill(completionTemplate, "    %s) second=%q ;;", "    %q) options=%q ;;")
}

const completionTemplate = `# bash completion for oibus-installer, made by: oibus-installer completion bash
_oibus_installer() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} at=1 verb='' second='' options=''
  COMPREPLY=()
  [[ ${COMP_WORDS[1]:-} != help || $COMP_CWORD == 1 ]] || at=2
  verb=${COMP_WORDS[at]:-}
  case $before in
    --config | --programs | --from | --switch-from) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    --settings | --*-file | --bundle | --key | --certificate | --out | --root) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    --instance)
      mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^ *"name": "\([a-z0-9-]*\)",*$/\1/p' /etc/oibus/instances.json 2>/dev/null)" -- "$word")
      return ;;
  esac
  if [[ $COMP_CWORD == "$at" ]]; then
    mapfile -t COMPREPLY < <(compgen -W "{{first}} --help --version" -- "$word")
    return
  fi
  case $verb in
{{second}}
  esac
  if [[ -n $second && $COMP_CWORD == $((at + 1)) ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$second" -- "$word")
    return
  fi
  case "$verb${second:+ ${COMP_WORDS[at + 1]}}" in
{{cases}}
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -o filenames -F _oibus_installer oibus-installer
`
