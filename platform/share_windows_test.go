package platform

import "testing"

func TestFileNamesAreMadeAcceptable(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"report.csv": "report.csv", "a:b?.csv": "a_b_.csv", "CON": "_CON", "nul.txt": "_nul.txt", "x. ": "x__", "a\tb": "a_b", "": "",
	} {
		if got := SafeFileName(name); got != want && got != "_"+want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestAShareThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	if err := ConnectShare(`\\127.0.0.1\oibus-nope`, "user", "password"); err == nil {
		t.Error("no error")
	}
}

func TestClosingAShareThatIsNotOpenIsNoError(t *testing.T) {
	t.Parallel()
	if err := DisconnectShare(`\\127.0.0.1\oibus-nope`); err != nil {
		t.Error(err)
	}
}
