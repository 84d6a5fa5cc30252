"""The purposes for which data may be used, by code: terms of DUO and DPV 2.3 and a few of our own.

The ledger knows a purpose by its bit, which is its place in ``PURPOSES``: deployments register them in this order, so they
are only ever appended. What a purpose means in law, and every other vocabulary, is left out.
"""

import dataclasses
import functools
from collections.abc import Iterable

from aicommons.domain import errors

_LISTED = """
    DUO:0000042
    DUO:0000006 DUO:0000042
    DUO:0000007 DUO:0000006
    DUO:0000011 DUO:0000042
    DUO:0000016 DUO:0000042
    DUO:0000043
    aic:MilitaryUse
    aic:BiometricPolicing
    aic:SocialScoring
    dpv:AcademicResearch dpv:ResearchAndDevelopment
    dpv:AccountManagement
    dpv:Advertising dpv:Marketing
    dpv:AgeVerification dpv:Verification
    dpv:CombatClimateChange dpv:PublicBenefit
    dpv:CommercialPurpose
    dpv:CommercialResearch dpv:CommercialPurpose dpv:ResearchAndDevelopment
    dpv:CommunicationForCustomerCare dpv:CommunicationManagement dpv:CustomerCare
    dpv:CommunicationManagement
    dpv:CounterMoneyLaundering dpv:FraudPreventionAndDetection
    dpv:Counterterrorism dpv:PublicBenefit
    dpv:CustomerCare dpv:CustomerManagement
    dpv:CustomerClaimsManagement dpv:CustomerManagement
    dpv:CustomerManagement
    dpv:CustomerOrderManagement dpv:CustomerManagement
    dpv:CustomerRelationshipManagement dpv:CustomerManagement
    dpv:CustomerSolvencyMonitoring dpv:CustomerManagement
    dpv:DataAltruism dpv:PublicBenefit
    dpv:DeliveryOfGoods dpv:RequestedServiceProvision
    dpv:DirectMarketing dpv:Marketing
    dpv:DisputeManagement dpv:OrganisationGovernance
    dpv:EnforceAccessControl dpv:EnforceSecurity
    dpv:EnforceSecurity
    dpv:EstablishContractualAgreement
    dpv:FraudPreventionAndDetection dpv:MisusePreventionAndDetection
    dpv:FulfilmentOfContractualObligation dpv:FulfilmentOfObligation
    dpv:FulfilmentOfObligation
    dpv:HumanResourceManagement
    dpv:IdentityAuthentication dpv:EnforceSecurity
    dpv:IdentityVerification dpv:Verification
    dpv:ImproveExistingProductsAndServices dpv:OptimisationForController
    dpv:ImproveHealthcare dpv:PublicBenefit
    dpv:ImproveInternalCRMProcesses dpv:CustomerRelationshipManagement dpv:OptimisationForController
    dpv:ImprovePublicServices dpv:PublicBenefit
    dpv:ImproveTransportMobility dpv:PublicBenefit
    dpv:IncreaseServiceRobustness dpv:OptimisationForController
    dpv:InternalResourceOptimisation dpv:OptimisationForController
    dpv:LegalCompliance dpv:FulfilmentOfObligation
    dpv:MaintainFraudDatabase dpv:FraudPreventionAndDetection
    dpv:Marketing
    dpv:MemberPartnerManagement dpv:OrganisationGovernance
    dpv:MisusePreventionAndDetection dpv:EnforceSecurity
    dpv:NonCommercialPurpose
    dpv:NonCommercialResearch dpv:NonCommercialPurpose dpv:ResearchAndDevelopment
    dpv:OptimisationForConsumer dpv:ServiceOptimisation
    dpv:OptimisationForController dpv:ServiceOptimisation
    dpv:OptimiseUserInterface dpv:OptimisationForConsumer
    dpv:OrganisationComplianceManagement dpv:OrganisationGovernance
    dpv:OrganisationGovernance
    dpv:OrganisationRiskManagement dpv:OrganisationGovernance
    dpv:PaymentManagement dpv:ServiceManagement
    dpv:Personalisation
    dpv:PersonalisedAdvertising dpv:Advertising dpv:Personalisation
    dpv:PersonalisedBenefits dpv:ServicePersonalisation
    dpv:PersonnelBehaviourMonitoring dpv:PersonnelMonitoring
    dpv:PersonnelHiring dpv:PersonnelManagement
    dpv:PersonnelManagement dpv:HumanResourceManagement
    dpv:PersonnelMonitoring dpv:PersonnelManagement
    dpv:PersonnelOffboarding dpv:PersonnelManagement
    dpv:PersonnelOnboarding dpv:PersonnelHiring
    dpv:PersonnelPayment dpv:PersonnelManagement
    dpv:PersonnelPerformanceEvaluation dpv:PersonnelPerformanceManagement
    dpv:PersonnelPerformanceManagement dpv:PersonnelManagement dpv:PersonnelMonitoring
    dpv:PersonnelPerformanceMonitoring dpv:PersonnelMonitoring dpv:PersonnelPerformanceManagement
    dpv:PersonnelPerformancePrediction dpv:PersonnelPerformanceManagement
    dpv:PersonnelPromotionManagement dpv:PersonnelManagement
    dpv:PersonnelTerminationManagement dpv:PersonnelManagement
    dpv:PersonnelWorkloadManagement dpv:PersonnelManagement
    dpv:PoliticalCampaign dpv:Advertising dpv:Personalisation
    dpv:ProtectionOfIPR dpv:FulfilmentOfObligation
    dpv:ProtectionOfNationalSecurity dpv:PublicBenefit
    dpv:ProtectionOfPublicSecurity dpv:PublicBenefit
    dpv:ProvideEventRecommendations dpv:ProvidePersonalisedRecommendations
    dpv:ProvideOfficialStatistics dpv:PublicBenefit
    dpv:ProvidePersonalisedRecommendations dpv:ServicePersonalisation
    dpv:ProvideProductRecommendations dpv:ProvidePersonalisedRecommendations
    dpv:PublicBenefit
    dpv:PublicPolicyMaking dpv:PublicBenefit
    dpv:PublicRelations dpv:Marketing
    dpv:RecordManagement
    dpv:RecruitmentAdvertising dpv:Advertising dpv:PersonnelHiring
    dpv:RecruitmentApplicantBackgroundCheck dpv:RecruitmentManagement
    dpv:RecruitmentApplicantCriminalBackgroundCheck dpv:RecruitmentManagement
    dpv:RecruitmentApplicantInformationAuthentication dpv:RecruitmentManagement
    dpv:RecruitmentApplicantSelection dpv:RecruitmentManagement
    dpv:RecruitmentApplicationAnalysis dpv:RecruitmentApplicationManagement
    dpv:RecruitmentApplicationManagement dpv:RecruitmentManagement
    dpv:RecruitmentApplicationScreening dpv:RecruitmentApplicationManagement
    dpv:RecruitmentInterviewAnalysis dpv:RecruitmentInterviewManagement
    dpv:RecruitmentInterviewAssessment dpv:RecruitmentInterviewManagement
    dpv:RecruitmentInterviewManagement dpv:RecruitmentManagement
    dpv:RecruitmentInterviewScheduling dpv:RecruitmentInterviewManagement
    dpv:RecruitmentManagement dpv:PersonnelHiring
    dpv:RecruitmentTargetedAdvertising dpv:RecruitmentAdvertising dpv:TargetedAdvertising
    dpv:RepairImpairments dpv:ServiceManagement
    dpv:RequestedServiceProvision dpv:ServiceProvision
    dpv:ResearchAndDevelopment
    dpv:RightsFulfilment
    dpv:ScientificResearch dpv:ResearchAndDevelopment
    dpv:SearchFunctionalities dpv:ServiceProvision
    dpv:SellDataToThirdParties dpv:SellProducts
    dpv:SellInsightsFromData dpv:SellProducts
    dpv:SellProducts dpv:ServiceProvision
    dpv:SellProductsToDataSubject dpv:SellProducts
    dpv:ServiceAccessDetermination dpv:ServiceManagement
    dpv:ServiceManagement
    dpv:ServiceMonitoring dpv:ServiceManagement
    dpv:ServiceOptimisation dpv:ServiceManagement
    dpv:ServicePersonalisation dpv:Personalisation dpv:ServiceManagement
    dpv:ServiceProvision dpv:ServiceManagement
    dpv:ServiceRegistration dpv:ServiceManagement
    dpv:ServiceUsageAnalytics dpv:ServiceMonitoring
    dpv:SocialMediaMarketing dpv:Marketing
    dpv:TargetedAdvertising dpv:PersonalisedAdvertising
    dpv:TechnicalServiceProvision dpv:ServiceProvision
    dpv:UserInterfacePersonalisation dpv:ServicePersonalisation
    dpv:VendorManagement
    dpv:VendorPayment dpv:VendorManagement
    dpv:VendorRecordsManagement dpv:VendorManagement
    dpv:VendorSelectionAssessment dpv:VendorManagement
    dpv:Verification dpv:EnforceSecurity
"""
"""One purpose a line: its code, then those directly above it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Purpose:
    """What data is used for."""

    code: str
    """Such as ``DUO:0000007`` or ``dpv:ScientificResearch``."""
    broader: tuple[str, ...]
    """Codes directly above it: who permits one of them has permitted this one."""


PURPOSES: tuple[Purpose, ...] = tuple(
    Purpose(code, tuple(broader)) for code, *broader in (line.split() for line in _LISTED.split("\n") if line)
)
"""All purposes; the place is the bit on the ledger and never changes."""
BANNED_PURPOSES = frozenset({"aic:MilitaryUse", "aic:BiometricPolicing", "aic:SocialScoring"})
"""Never permitted by anybody, whatever a policy or consent says."""
_PLACES = {each.code: place for place, each in enumerate(PURPOSES)}


def bit(code: str) -> int:
    """Return the bit, 0 to 255, that stands for a purpose on the ledger.

    Raises:
        errors.InputError: no such purpose.
    """
    if code not in _PLACES:
        raise errors.InputError(
            "an unknown purpose", which=code[:60], expected="a code of DUO or DPV, such as DUO:0000007"
        )
    return _PLACES[code]


@functools.cache
def broader(code: str) -> frozenset[str]:
    """Return the purpose itself and all above it; raises like ``bit``."""
    above = (broader(each) for each in PURPOSES[bit(code)].broader)
    return frozenset({code}).union(*above)


def bits(codes: Iterable[str], *, closed: bool = True) -> int:
    """Return the bitmap of purposes, with everything below them if ``closed``; raises like ``bit``."""
    wanted = set(codes)
    bitmap = 0
    for code in wanted:
        bitmap |= 1 << bit(code)
    if closed:
        below = [place for place, each in enumerate(PURPOSES) if wanted & broader(each.code)]
        bitmap |= sum(1 << place for place in below)
    return bitmap


def codes(bitmap: int) -> tuple[str, ...]:
    """Return the purposes of a bitmap, in the vocabulary's order; bits without a purpose are left out."""
    return tuple(each.code for place, each in enumerate(PURPOSES) if bitmap >> place & 1)
