from almoner.kernel.service_points import ServicePointConfig


class PharmacyConfig(ServicePointConfig):
    name = "almoner.service_points.pharmacy"
    label = "pharmacy"
    title = "Pharmacy"
    url_prefix = "pharmacy"
