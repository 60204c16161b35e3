"""virt-lightning with its folder in the lab and emulated guests: it has no option for either. Arguments: FOLDER, then its own."""

import sys

from virt_lightning import virt_lightning
from virt_lightning.shell import main

virt_lightning.DEFAULT_STORAGE_DIR = sys.argv.pop(1)
virt_lightning.LibvirtHypervisor.domain_type = "qemu"
main()
