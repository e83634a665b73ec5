package installer

import (
	"fmt"
	"strings"
)

var powerShellVerb = completionVerb("powershell", "PowerShell", `
For this terminal, or, in the file that $PROFILE names, for each:

  oibus-installer completion powershell | Out-String | Invoke-Expression
  oibus-installer completion powershell >> $PROFILE`, powerShellCompletion)

func powerShellCompletion(t completionTable) string {
	return t.fill(powerShellTemplate, "    '%s' = '%s'", "    '%s' = '%s'")
}

// powerShellTemplate completes names of files by offering nothing: the shell then offers files itself.
const powerShellTemplate = `# PowerShell completion for oibus-installer, made by: oibus-installer completion powershell
Register-ArgumentCompleter -Native -CommandName 'oibus-installer', 'oibus-installer.exe' -ScriptBlock {
  param($word, $line, $position)
  $second = @{
{{second}}
  }
  $options = @{
{{cases}}
  }
  $words = @($line.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $position } | ForEach-Object { $_.ToString() })
  if ($words.Count -gt 0 -and $words[0] -eq 'help') { $words = @($words | Select-Object -Skip 1) }
  $offered = ''
  if ($words.Count -eq 0) {
    $offered = '{{first}} --help --version'
  } elseif ($second.ContainsKey($words[0]) -and $words.Count -eq 1) {
    $offered = $second[$words[0]]
  } elseif ("$word".StartsWith('-')) {
    $verb = $words[0]
    if ($second.ContainsKey($verb)) { $verb = $verb + ' ' + $words[1] }
    $offered = "$($options[$verb])"
  } elseif ($words[-1] -eq '--instance') {
    $list = Join-Path $env:ProgramData 'OIBus Installer\instances.json'
    if (Test-Path $list) { $offered = ((Get-Content -Raw $list | ConvertFrom-Json).instances.name | Where-Object { $_ }) -join ' ' }
  }
  $offered -split ' ' | Where-Object { $_ -and $_.StartsWith("$word") } |
    ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
}
`

var zshVerb = completionVerb("zsh", "zsh", `
For this shell, or, in a folder of $fpath, for all:

  source <(oibus-installer completion zsh)
  oibus-installer completion zsh | sudo tee /usr/local/share/zsh/site-functions/_oibus-installer`, zshCompletion)

func zshCompletion(t completionTable) string {
	return t.fill(zshTemplate, "    '%s' '%s'", "    '%s' '%s'")
}

const zshTemplate = `#compdef oibus-installer
# zsh completion for oibus-installer, made by: oibus-installer completion zsh
_oibus-installer() {
  local at=2
  [[ ${words[2]} == help ]] && (( CURRENT > 2 )) && at=3
  local verb=${words[at]}
  local -A second options
  second=(
{{second}}
  )
  options=(
{{cases}}
  )
  case ${words[CURRENT-1]} in
    --config|--programs|--from|--switch-from) _files -/; return ;;
    --settings|--*-file|--bundle|--key|--certificate|--out|--root) _files; return ;;
    --instance) compadd -- $(sed -n 's/^ *"name": "\([a-z0-9-]*\)",*$/\1/p' /etc/oibus/instances.json 2>/dev/null); return ;;
  esac
  if (( CURRENT == at )); then
    compadd -- {{first}} --help --version
  elif (( CURRENT == at + 1 )) && [[ -n ${second[$verb]} ]]; then
    compadd -- ${=second[$verb]}
  elif [[ $PREFIX == -* ]]; then
    [[ -n ${second[$verb]} ]] && verb="$verb ${words[at + 1]}"
    compadd -- ${=options[$verb]}
  else
    _files
  fi
}
if [[ ${funcstack[1]} == _oibus-installer ]]; then
  _oibus-installer "$@"
else
  compdef _oibus-installer oibus-installer
fi
`

var fishVerb = completionVerb("fish", "fish", `
For this shell, or for each of yours:

  oibus-installer completion fish | source
  oibus-installer completion fish > ~/.config/fish/completions/oibus-installer.fish`, fishCompletion)

// fishCompletion is a line for each word. Options of a verb with two words are those after both.
func fishCompletion(t completionTable) string {
	var b strings.Builder
	b.WriteString("# fish completion for oibus-installer, made by: oibus-installer completion fish\n")
	line := func(after []string, format string, args ...any) {
		condition := "__fish_use_subcommand"
		if len(after) > 0 {
			condition = "__fish_seen_subcommand_from " + strings.Join(after, "; and __fish_seen_subcommand_from ")
		}
		fmt.Fprintf(&b, "complete -c oibus-installer -n '%s' "+format+"\n", append([]any{condition}, args...)...)
	}
	line(nil, "-f -a help -d 'explain a verb'")
	for _, word := range t.first {
		line(nil, "-f -a %s", word)
		line([]string{"help"}, "-f -a %s", word)
	}
	for _, r := range t.verbs {
		if last := len(r.words) - 1; last > 0 {
			line(r.words[:last], "-f -a %s -d %s", r.words[last], fishQuoted(r.summary))
		}
		for _, d := range r.options {
			value := ""
			switch {
			case d.bare == "instance":
				value = fishInstances
			case strings.Contains(d.name, " "):
				value = "-r "
			}
			line(r.words, "-l %s %s-d %s", d.bare, value, fishQuoted(d.usage))
		}
	}
	return b.String()
}

// fishInstances lets fish offer the names of the instances.
const fishInstances = `-x -a "(sed -n 's/^ *\"name\": \"\([a-z0-9-]*\)\".*/\1/p' /etc/oibus/instances.json 2>/dev/null)" `

func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
