package platform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"
)

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

func TestAServiceIsRegisteredAndThenRenewed(t *testing.T) {
	t.Parallel()
	if !IsAdministrator() {
		t.Skip("services are registered by an administrator only")
	}
	first := ServiceSpec{
		Name: fmt.Sprintf("OIBus-test-%d", os.Getpid()), DisplayName: "OIBus test", Description: "before",
		Program: `C:\Program Files\OIBus\oibus-launcher.exe`, Args: []string{"--config", `C:\Data`},
	}
	second := first
	second.Description, second.Args = "after", []string{"--config", `C:\My Data`}
	t.Cleanup(func() {
		if err := RemoveService(context.Background(), first.Name); err != nil {
			t.Error(err)
		}
	})
	for _, s := range []ServiceSpec{first, first, second} {
		if err := InstallService(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	path, account := configured(t, first.Name)
	if want := commandLine(second.Program, second.Args); path != want || !strings.EqualFold(account, serviceAccount(first.Name)) {
		t.Errorf("it runs %s as %s, not %s as %s", path, account, want, serviceAccount(first.Name))
	}
	if s, err := QueryService(t.Context(), first.Name); err != nil || s.State != ServiceStopped || !s.AtBoot {
		t.Errorf("%+v, %v", s, err)
	}
	for _, want := range []StartType{StartManual, StartDisabled, StartAutomatic} {
		err := SetStartOfService(t.Context(), first.Name, ServiceStart{Type: want})
		if got, e := StartOfService(t.Context(), first.Name); err != nil || e != nil || got.Type != want {
			t.Errorf("%+v, not %s: %v, %v", got, want, err, e)
		}
	}
}

// configured asks for the command line and the account of a service.
func configured(t *testing.T, name string) (path, account string) {
	t.Helper()
	err := withService(name, windows.SERVICE_QUERY_CONFIG, func(s *mgr.Service) error {
		buffer := make([]windows.QUERY_SERVICE_CONFIG, 64) // the texts follow the first
		size := uint32(len(buffer)) * uint32(unsafe.Sizeof(buffer[0]))
		err := windows.QueryServiceConfig(s.Handle, &buffer[0], size, &size)
		if err == nil {
			path, account = windows.UTF16PtrToString(buffer[0].BinaryPathName), windows.UTF16PtrToString(buffer[0].ServiceStartName)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return path, account
}

func TestOnlyAnUnknownPropertyMayBeMissing(t *testing.T) {
	t.Parallel()
	if err := optional("it flies", windows.ERROR_INVALID_LEVEL); err != nil {
		t.Error(err)
	}
	if err := optional("it flies", windows.ERROR_ACCESS_DENIED); !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		t.Errorf("got %v", err)
	}
}
