"""Archives of one small file, as package clients download them."""

import hashlib
import io
import tarfile
import zipfile

CONTENT = b"a network"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def make_zip(path, member="inside/net.bin", content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(member, content)
    return path


def make_tgz(path, member="inside/net.bin", content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as file:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        file.addfile(info, io.BytesIO(content))
    return path
