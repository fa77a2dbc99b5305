from almoner.kernel.service_points import ServicePointConfig


class LaboratoryConfig(ServicePointConfig):
    name = "almoner.service_points.laboratory"
    label = "laboratory"
    title = "Laboratory"
    url_prefix = "laboratory"
