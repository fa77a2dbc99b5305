from almoner.kernel.service_points import ServicePointConfig


class ConsultationConfig(ServicePointConfig):
    name = "almoner.service_points.consultation"
    label = "consultation"
    title = "Consultation"
    url_prefix = "consultation"
