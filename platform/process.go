package platform

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// MarkVariable is the environment variable that marks a child and all that it starts, so that the whole tree can be
// found again even when a part of it left the process group or lost its parent.
const MarkVariable = "OIBUS_RUN"

// ChildSpec says how to start a child.
type ChildSpec struct {
	Path     string
	Args     []string
	Env      []string // besides the environment of this process, as NAME=value
	Mark     string   // value of MarkVariable, random and the same for all children of one owner
	Variable string   // environment variable that tells the child the number of its notify pipe
}

// Child is a started process with its own process tree. Its streams are pipes; closing its standard input asks it to
// stop. Its owner reads Stdout, Stderr and Notify to their end, calls Wait once, then KillTree and Close.
type Child struct {
	Stdout, Stderr, Notify *os.File

	cmd   *exec.Cmd
	stdin *os.File
	once  sync.Once
	tree  tree
	mark  string
}

// Exit is how a process ended. Code is -1 when a signal ended it.
type Exit struct {
	Code int
	Text string
}

// StartChild starts a child that inherits nothing but its streams, the notify pipe and the environment, without the
// variables that the service manager meant for this process only.
func StartChild(spec ChildSpec) (*Child, error) {
	var p childPipes
	c, err := p.start(spec)
	// The child has its own copies: with ours open too, the end of a pipe would never be seen.
	err = errors.Join(err, closeAll(p.theirs))
	if err == nil {
		return c, nil
	}
	if c != nil {
		err = errors.Join(err, c.KillTree(), c.cmd.Wait(), c.tree.close())
	}
	return nil, errors.Join(fmt.Errorf("cannot start %q: %w", spec.Path, err), closeAll(p.ours))
}

// childPipes keeps apart the ends of the pipes that stay here and those that only the child shall hold.
type childPipes struct{ ours, theirs []*os.File }

func (p *childPipes) open(childWrites bool) (ours, theirs *os.File, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open a pipe: %w", err)
	}
	ours, theirs = r, w
	if !childWrites {
		ours, theirs = w, r
	}
	p.ours, p.theirs = append(p.ours, ours), append(p.theirs, theirs)
	return ours, theirs, nil
}

func (p *childPipes) start(spec ChildSpec) (*Child, error) {
	c := &Child{cmd: exec.Command(spec.Path, spec.Args...), mark: spec.Mark}
	stdin, childStdin, err1 := p.open(false)
	stdout, childStdout, err2 := p.open(true)
	stderr, childStderr, err3 := p.open(true)
	notify, childNotify, err4 := p.open(true)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	c.stdin, c.Stdout, c.Stderr, c.Notify = stdin, stdout, stderr, notify
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = childStdin, childStdout, childStderr
	var err error
	if c.tree, err = newTree(); err != nil {
		return nil, err
	}
	number, err := c.tree.prepare(c.cmd, childNotify)
	if err == nil {
		c.cmd.Env = append(environment(spec.Variable), spec.Env...)
		c.cmd.Env = append(c.cmd.Env, MarkVariable+"="+spec.Mark, spec.Variable+"="+number)
		err = c.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, c.tree.close())
	}
	if err := c.tree.adopt(c.cmd.Process); err != nil {
		return nil, errors.Join(err, c.cmd.Process.Kill(), c.cmd.Wait(), c.tree.close())
	}
	return c, nil
}

// environment is that of this process, without what the service manager addressed to it alone.
func environment(variable string) []string {
	own := append([]string{variable, MarkVariable}, managerVariables...)
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(own, name)
	})
}

// PID is the number of the child process.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// CloseStdin asks the child to stop: it reads the end of its standard input, as it also does when this process dies.
func (c *Child) CloseStdin() error {
	var err error
	c.once.Do(func() { err = c.stdin.Close() })
	return err
}

// Interrupt asks the child to stop as Ctrl-C would. It does nothing where such a request cannot be addressed to one
// process; CloseStdin is understood everywhere.
func (c *Child) Interrupt() error { return c.tree.interrupt(c.cmd.Process) }

// Abort makes the child print where its goroutines are and end, where the system has such a request.
func (c *Child) Abort() error { return c.tree.abort(c.cmd.Process) }

// Wait blocks until the child process itself has ended. What it started may still run.
func (c *Child) Wait() Exit {
	err := c.cmd.Wait()
	state := c.cmd.ProcessState
	if state == nil {
		return Exit{Code: -1, Text: fmt.Sprintf("cannot wait for the process: %v", err)}
	}
	return Exit{Code: state.ExitCode(), Text: state.String()}
}

// KillTree ends the child, when it still runs, and everything that it started.
func (c *Child) KillTree() error { return c.tree.kill(c.PID(), c.mark) }

// Close releases the pipes and, where the system has one, the container of the process tree.
func (c *Child) Close() error {
	return errors.Join(c.CloseStdin(), closeAll([]*os.File{c.Stdout, c.Stderr, c.Notify}), c.tree.close())
}

func closeAll(files []*os.File) error {
	var err error
	for _, f := range files {
		if e := f.Close(); e != nil && !errors.Is(e, os.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// ExecutableNear returns the first of the alternatives, paths below folder with slashes and without the extension that
// programs have on Windows, that exists as a file.
func ExecutableNear(folder string, alternatives ...string) (string, error) {
	tried := make([]string, 0, len(alternatives))
	for _, name := range alternatives {
		path := filepath.Join(folder, filepath.FromSlash(name)+executableSuffix)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
		tried = append(tried, fmt.Sprintf("%q", path))
	}
	return "", fmt.Errorf("cannot find the program: there is no %s", strings.Join(tried, " nor "))
}
