package clients

import (
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
