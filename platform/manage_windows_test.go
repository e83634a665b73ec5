package platform

import "testing"

func TestTheIdentityOfAServiceFollowsFromItsName(t *testing.T) {
	t.Parallel()
	// Windows itself owns its files under the identity of this service.
	const trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
	if got := serviceSID("TrustedInstaller"); got != trustedInstaller {
		t.Errorf("got %s", got)
	}
}

func TestAFolderIsGivenToAService(t *testing.T) {
	t.Parallel()
	if err := GiveFolder(t.TempDir()+`\data`, "OIBus-test"); err != nil {
		t.Error(err)
	}
}

func TestTheCommandLineOfAServiceIsQuoted(t *testing.T) {
	t.Parallel()
	if got := commandLine(`C:\Program Files\OIBus\oibus-launcher.exe`, []string{"--config", `C:\My Data`}); got != `"C:\Program Files\OIBus\oibus-launcher.exe" --config "C:\My Data"` {
		t.Errorf("got %s", got)
	}
}
