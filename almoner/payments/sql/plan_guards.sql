-- A plan and its instalments come in one transaction; at its end they add up.
CREATE CONSTRAINT TRIGGER payments_plan_adds_up AFTER INSERT ON payments_paymentplan
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_plan_adds_up();
CREATE CONSTRAINT TRIGGER payments_instalment_adds_up AFTER INSERT ON payments_planinstalment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_plan_adds_up();
CREATE TRIGGER payments_paymentplan_kept BEFORE UPDATE OR DELETE ON payments_paymentplan
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
CREATE TRIGGER payments_plan_change_decided_once BEFORE UPDATE ON payments_planchangerequest
    FOR EACH ROW WHEN (OLD.decision <> '') EXECUTE FUNCTION kernel_refuse_change();
CREATE TRIGGER payments_plan_change_kept BEFORE DELETE ON payments_planchangerequest
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
ALTER TABLE payments_paymentplan ADD CONSTRAINT payments_paymentplan_replaces_tenant_fk
    FOREIGN KEY (hospital_id, replaces_id) REFERENCES payments_paymentplan (hospital_id, id);
