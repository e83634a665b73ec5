package platform

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// childMode makes the test binary play a child of StartChild.
const childMode = "OIBUS_TEST_CHILD"

const testVariable = "OIBUS_TEST_NOTIFY"

// TestPlayChild is no test: it is the child of the tests below.
func TestPlayChild(t *testing.T) {
	mode := os.Getenv(childMode)
	if mode == "" {
		t.Skip("is the child of other tests")
	}
	switch mode {
	case "wait for the end of standard input":
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(7)
	case "sleep":
		fmt.Println(os.Getpid())
		time.Sleep(time.Minute)
	case "leave a grandchild":
		grandchild := exec.Command(os.Args[0], "-test.run=^TestPlayChild$")
		grandchild.Env = append(os.Environ(), childMode+"=sleep")
		detach(grandchild)
		pid, err := grandchild.StdoutPipe()
		if err == nil {
			err = grandchild.Start()
		}
		if err == nil {
			_, err = io.CopyN(os.Stdout, pid, 2) // it runs: the rest of its number is not needed
		}
		fmt.Println("\ngrandchild", grandchild.Process.Pid, err)
	case "report":
		pipe, err := OpenInherited(os.Getenv(testVariable))
		if err == nil {
			_, err = pipe.WriteString("hello\n")
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	case "environment":
		fmt.Println(strings.Join(os.Environ(), "\n"))
	}
	os.Exit(0)
}

func startTestChild(t *testing.T, mode string) *Child {
	t.Helper()
	c, err := StartChild(ChildSpec{
		Path:     os.Args[0],
		Args:     []string{"-test.run=^TestPlayChild$"},
		Env:      []string{childMode + "=" + mode},
		Mark:     "mark of " + t.Name(),
		Variable: testVariable,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("cannot close the child: %v", err)
		}
	})
	return c
}

func TestAChildStopsWhenItsStandardInputIsClosed(t *testing.T) {
	t.Parallel()
	c := startTestChild(t, "wait for the end of standard input")
	if err := c.CloseStdin(); err != nil {
		t.Fatal(err)
	}
	if exit := c.Wait(); exit.Code != 7 {
		t.Fatalf("the child should end with code 7, got %+v", exit)
	}
	if err := c.CloseStdin(); err != nil {
		t.Fatalf("closing it again should do nothing, got %v", err)
	}
}

func TestAChildReportsOverTheInheritedPipe(t *testing.T) {
	t.Parallel()
	c := startTestChild(t, "report")
	said, err := io.ReadAll(c.Notify)
	if err != nil || string(said) != "hello\n" {
		out, _ := io.ReadAll(c.Stdout)
		t.Fatalf("the pipe should give hello, got %q, %v; the child printed %q", said, err, out)
	}
	c.Wait()
}

func TestKillingTheTreeEndsTheChild(t *testing.T) {
	t.Parallel()
	c := startTestChild(t, "sleep")
	if _, err := bufio.NewReader(c.Stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := c.KillTree(); err != nil {
		t.Fatal(err)
	}
	if exit := c.Wait(); exit.Code == 0 {
		t.Fatalf("a killed child does not end well, got %+v", exit)
	}
}

func TestKillingTheTreeEndsWhatAChildThatIsGoneLeftBehind(t *testing.T) {
	t.Parallel()
	c := startTestChild(t, "leave a grandchild")
	lines := bufio.NewReader(c.Stdout)
	pid := 0
	for pid == 0 {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "grandchild "); ok {
			number, failed, _ := strings.Cut(rest, " ")
			if pid, err = strconv.Atoi(number); err != nil || failed != "<nil>" {
				t.Fatalf("the child could not start a grandchild: %q", line)
			}
		}
	}
	c.Wait()
	if !alive(pid) {
		t.Fatal("the grandchild should have survived the child, else this test shows nothing")
	}
	if err := c.KillTree(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the grandchild should be gone")
		}
	}
}

func TestAChildDoesNotGetWhatIsMeantForItsParent(t *testing.T) {
	for _, name := range append([]string{MarkVariable, testVariable}, managerVariables...) {
		t.Setenv(name, "of the parent")
	}
	c := startTestChild(t, "environment")
	env, err := io.ReadAll(c.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	c.Wait()
	if strings.Contains(string(env), "of the parent") {
		t.Errorf("the child should not have got: %s", env)
	}
	if want := MarkVariable + "=mark of " + t.Name(); !strings.Contains(string(env), want) {
		t.Errorf("the child should have got %s", want)
	}
}

func TestAProgramThatDoesNotExistIsAnErrorWithItsName(t *testing.T) {
	t.Parallel()
	_, err := StartChild(ChildSpec{Path: "no-such-program", Variable: testVariable})
	if err == nil || !strings.Contains(err.Error(), `"no-such-program"`) {
		t.Fatalf("the error should name the program, got %v", err)
	}
}

func TestOnlyAPipeIsTakenForTheNotifyPipe(t *testing.T) {
	t.Parallel()
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	for _, number := range []string{"", "x", "-1", "0", "99999", strconv.Itoa(int(file.Fd()))} {
		if f, err := OpenInherited(number); err == nil {
			t.Errorf("%q should be refused, got %v", number, f)
		}
	}
}

func TestTheFirstProgramThatExistsIsFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := ExecutableNear(dir, "binaries/oibus", "oibus"); err == nil || !strings.Contains(err.Error(), "binaries") {
		t.Fatalf("the error should name what was looked for, got %v", err)
	}
	want := dir + string(os.PathSeparator) + "oibus" + executableSuffix
	if err := os.WriteFile(want, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := ExecutableNear(dir, "binaries/oibus", "oibus"); err != nil || got != want {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestAProgramIsToldToStopAsOftenAsASignalComesAndItsCodeIsReturned(t *testing.T) {
	t.Parallel()
	ended, signals := make(chan int, 1), make(chan os.Signal, 2)
	stops := 0
	signals <- os.Interrupt
	signals <- os.Interrupt
	code := waitForEnd(Running{Ended: ended, Stop: func() {
		if stops++; stops == 2 {
			ended <- 5
		}
	}}, signals)
	if code != 5 || stops != 2 {
		t.Fatalf("got code %d after %d requests to stop", code, stops)
	}
}
