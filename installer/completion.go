package installer

import (
	"context"
	"flag"
	"fmt"
	"strings"
)

var completionVerb = verb{
	name: "completion bash", args: "", summary: "print what bash needs to complete the words of this program",
	help: `
The packages of the system install it. Otherwise, for this shell, or for all:

  source <(oibus-installer completion bash)
  oibus-installer completion bash | sudo tee /etc/bash_completion.d/oibus-installer`,
	setup: func(*flag.FlagSet) action {
		return func(_ context.Context, args []string) (answer, error) {
			return completionAnswer{bashCompletion()}, none(args)
		}
	},
}

type completionAnswer struct {
	Script string `json:"script"`
}

func (a completionAnswer) text() string { return a.Script }

// bashCompletion is made of the table of verbs. It needs nothing of the package bash-completion.
func bashCompletion() string {
	var cases, first strings.Builder
	seen := map[string]bool{}
	groups := map[string][]string{}
	for _, v := range verbs {
		words := strings.Fields(v.name)
		if !seen[words[0]] {
			seen[words[0]] = true
			first.WriteString(words[0] + " ")
		}
		if len(words) > 1 {
			groups[words[0]] = append(groups[words[0]], words[1])
		}
		var options []string
		for _, d := range v.described() {
			options = append(options, "--"+d.bare)
		}
		fmt.Fprintf(&cases, "    %q) options=%q ;;\n", v.name, strings.Join(append(options, "--help"), " "))
	}
	var second strings.Builder
	for _, v := range verbs {
		name := strings.Fields(v.name)[0]
		if list := groups[name]; list != nil {
			fmt.Fprintf(&second, "    %s) second=%q ;;\n", name, strings.Join(list, " "))
			groups[name] = nil
		}
	}
	return strings.NewReplacer("{{first}}", first.String()+"help", "{{second}}", strings.TrimRight(second.String(), "\n"),
		"{{cases}}", strings.TrimRight(cases.String(), "\n")).Replace(completionTemplate)
}

const completionTemplate = `# bash completion for oibus-installer, made by: oibus-installer completion bash
_oibus_installer() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} second='' options=''
  COMPREPLY=()
  case $before in
    --config | --programs | --from | --switch-from) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    --settings | --*-file | --key | --certificate | --out | --root) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    --instance)
      mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^ *"name": "\([a-z0-9-]*\)",*$/\1/p' /etc/oibus/instances.json 2>/dev/null)" -- "$word")
      return ;;
  esac
  if [[ $COMP_CWORD == 1 ]]; then
    mapfile -t COMPREPLY < <(compgen -W "{{first}} --help --version" -- "$word")
    return
  fi
  case $verb in
{{second}}
  esac
  if [[ -n $second && $COMP_CWORD == 2 ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$second" -- "$word")
    return
  fi
  case "$verb${second:+ ${COMP_WORDS[2]}}" in
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
