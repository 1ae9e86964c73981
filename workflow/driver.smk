"""What happens before the first job and after the last: one snakemake at a time, and a look at the folders."""

import atexit
from pathlib import Path

from mrisynth import driver_locks, orphans, preflight
from mrisynth.disk import check_place
from mrisynth.errors import MrisynthError
from snakemake.exceptions import WorkflowError

SNAKEMAKE_FOLDER = Path(".snakemake").absolute()
STUDY_FOLDER = Path(STUDY.folder).absolute()

if workflow.is_main_process:
    try:
        check_place(STUDY_FOLDER)
        DRIVER = driver_locks.start_driver(SNAKEMAKE_FOLDER, STUDY_FOLDER)
    except MrisynthError as error:
        raise WorkflowError(str(error)) from None
    atexit.register(driver_locks.end_driver, DRIVER, SNAKEMAKE_FOLDER, STUDY_FOLDER)
else:
    orphans.mark_jobs(None, None)


onstart:
    if workflow.is_main_process:
        try:
            preflight.check_before_start(
                STUDY, rules={job.rule.name for job in workflow.dag.needrun_jobs()}
            )
            driver_locks.hold_study(DRIVER, SNAKEMAKE_FOLDER, STUDY_FOLDER)
            preflight.mend_clocks(STUDY)
        except MrisynthError as error:
            raise WorkflowError(str(error)) from None
