from django.db import models

from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import Encounter


class Scan(TenantModel):
    encounter = TenantForeignKey(Encounter)
    taken_at = models.DateTimeField()
