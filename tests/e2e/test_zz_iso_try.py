from tests.e2e.ordinary_user import ordinary_user  # noqa
from tests.e2e.conftest import state_root  # noqa
import time
def test_it(ordinary_user):
    started=time.time()
    w = ordinary_user.workshop("ordtry", ["iso-ord"])
    try:
        w.up()
        print("UP", time.time()-started, w.codes, w.status()["up"])
    finally:
        print(w.cli("down","--yes",check=False).stdout[-400:])
    print(time.time()-started)
