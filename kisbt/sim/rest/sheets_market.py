"""Field names of rankings, indices, calendar and product answers, in KIS's order."""

from kisbt.sim.rest.sheet import sheet

VOLUME_RANK = sheet("""
    hts_kor_isnm mksc_shrn_iscd data_rank stck_prpr prdy_vrss_sign prdy_vrss prdy_ctrt acml_vol
    prdy_vol lstn_stcn avrg_vol n_befr_clpr_vrss_prpr_rate vol_inrt vol_tnrt nday_vol_tnrt
    avrg_tr_pbmn tr_pbmn_tnrt nday_tr_pbmn_tnrt acml_tr_pbmn
""")

FLUCTUATION = sheet("""
    stck_shrn_iscd data_rank hts_kor_isnm stck_prpr prdy_vrss prdy_vrss_sign prdy_ctrt acml_vol
    stck_hgpr hgpr_hour acml_hgpr_date stck_lwpr lwpr_hour acml_lwpr_date lwpr_vrss_prpr_rate
    dsgt_date_clpr_vrss_prpr_rate cnnt_ascn_dynu hgpr_vrss_prpr_rate cnnt_down_dynu
    oprc_vrss_prpr_sign oprc_vrss_prpr oprc_vrss_prpr_rate prd_rsfl prd_rsfl_rate
""")

VOLUME_POWER = sheet("""
    stck_shrn_iscd data_rank hts_kor_isnm stck_prpr prdy_vrss prdy_vrss_sign prdy_ctrt acml_vol
    tday_rltv seln_cnqn_smtn shnu_cnqn_smtn
""")

MARKET_CAP = sheet("""
    mksc_shrn_iscd data_rank hts_kor_isnm stck_prpr prdy_vrss prdy_vrss_sign prdy_ctrt acml_vol
    lstn_stcn stck_avls mrkt_whol_avls_rlim
""")

INQUIRE_INDEX_PRICE = sheet("""
    bstp_nmix_prpr bstp_nmix_prdy_vrss prdy_vrss_sign bstp_nmix_prdy_ctrt acml_vol prdy_vol
    acml_tr_pbmn prdy_tr_pbmn bstp_nmix_oprc prdy_nmix_vrss_nmix_oprc oprc_vrss_prpr_sign
    bstp_nmix_oprc_prdy_ctrt bstp_nmix_hgpr prdy_nmix_vrss_nmix_hgpr hgpr_vrss_prpr_sign
    bstp_nmix_hgpr_prdy_ctrt bstp_nmix_lwpr prdy_clpr_vrss_lwpr lwpr_vrss_prpr_sign
    prdy_clpr_vrss_lwpr_rate ascn_issu_cnt uplm_issu_cnt stnr_issu_cnt down_issu_cnt lslm_issu_cnt
    dryy_bstp_nmix_hgpr dryy_hgpr_vrss_prpr_rate dryy_bstp_nmix_hgpr_date dryy_bstp_nmix_lwpr
    dryy_lwpr_vrss_prpr_rate dryy_bstp_nmix_lwpr_date total_askp_rsqn total_bidp_rsqn
    seln_rsqn_rate shnu_rsqn_rate ntby_rsqn
""")

INQUIRE_DAILY_INDEXCHARTPRICE_1 = sheet("""
    bstp_nmix_prdy_vrss prdy_vrss_sign bstp_nmix_prdy_ctrt prdy_nmix acml_vol acml_tr_pbmn
    hts_kor_isnm bstp_nmix_prpr bstp_cls_code prdy_vol bstp_nmix_oprc bstp_nmix_hgpr
    bstp_nmix_lwpr futs_prdy_oprc futs_prdy_hgpr futs_prdy_lwpr
""")
INQUIRE_DAILY_INDEXCHARTPRICE_2 = sheet("""
    stck_bsop_date bstp_nmix_prpr bstp_nmix_oprc bstp_nmix_hgpr bstp_nmix_lwpr acml_vol
    acml_tr_pbmn mod_yn
""")

INQUIRE_TIME_INDEXCHARTPRICE_1 = sheet("""
    bstp_nmix_prdy_vrss prdy_vrss_sign bstp_nmix_prdy_ctrt prdy_nmix acml_vol acml_tr_pbmn
    hts_kor_isnm bstp_nmix_prpr bstp_cls_code prdy_vol bstp_nmix_oprc bstp_nmix_hgpr
    bstp_nmix_lwpr futs_prdy_oprc futs_prdy_hgpr futs_prdy_lwpr
""")
INQUIRE_TIME_INDEXCHARTPRICE_2 = sheet("""
    stck_bsop_date stck_cntg_hour bstp_nmix_prpr bstp_nmix_oprc bstp_nmix_hgpr bstp_nmix_lwpr
    cntg_vol acml_tr_pbmn
""")

INQUIRE_INDEX_DAILY_PRICE_1 = sheet("""
    bstp_nmix_prpr bstp_nmix_prdy_vrss prdy_vrss_sign bstp_nmix_prdy_ctrt acml_vol acml_tr_pbmn
    bstp_nmix_oprc bstp_nmix_hgpr bstp_nmix_lwpr prdy_vol ascn_issu_cnt down_issu_cnt
    stnr_issu_cnt uplm_issu_cnt lslm_issu_cnt prdy_tr_pbmn dryy_bstp_nmix_hgpr_date
    dryy_bstp_nmix_hgpr dryy_bstp_nmix_lwpr dryy_bstp_nmix_lwpr_date
""")
INQUIRE_INDEX_DAILY_PRICE_2 = sheet("""
    stck_bsop_date bstp_nmix_prpr prdy_vrss_sign bstp_nmix_prdy_vrss bstp_nmix_prdy_ctrt
    bstp_nmix_oprc bstp_nmix_hgpr bstp_nmix_lwpr acml_vol_rlim acml_vol acml_tr_pbmn invt_new_psdg
    d20_dsrt
""")

CHK_HOLIDAY = sheet("""
    bass_dt wday_dvsn_cd bzdy_yn tr_day_yn opnd_yn sttl_day_yn
""")

INQUIRE_VI_STATUS = sheet("""
    hts_kor_isnm mksc_shrn_iscd vi_cls_code bsop_date cntg_vi_hour vi_cncl_hour vi_kind_code
    vi_prc vi_stnd_prc vi_dprt vi_dmc_stnd_prc vi_dmc_dprt vi_count
""")

MARKET_TIME_1 = sheet("""
    date1 date2 date3 date4 date5 today time s_time e_time
""")

SEARCH_INFO = sheet("""
    pdno prdt_type_cd prdt_name prdt_name120 prdt_abrv_name prdt_eng_name prdt_eng_name120
    prdt_eng_abrv_name std_pdno shtn_pdno prdt_sale_stat_cd prdt_risk_grad_cd prdt_clsf_cd
    prdt_clsf_name sale_strt_dt sale_end_dt wrap_asst_type_cd ivst_prdt_type_cd
    ivst_prdt_type_cd_name frst_erlm_dt
""")

SEARCH_STOCK_INFO = sheet("""
    pdno prdt_type_cd mket_id_cd scty_grp_id_cd excg_dvsn_cd setl_mmdd lstg_stqt lstg_cptl_amt
    cpta papr issu_pric kospi200_item_yn scts_mket_lstg_dt scts_mket_lstg_abol_dt
    kosdaq_mket_lstg_dt kosdaq_mket_lstg_abol_dt frbd_mket_lstg_dt frbd_mket_lstg_abol_dt
    reits_kind_cd etf_dvsn_cd oilf_fund_yn idx_bztp_lcls_cd idx_bztp_mcls_cd idx_bztp_scls_cd
    stck_kind_cd mfnd_opng_dt mfnd_end_dt dpsi_erlm_cncl_dt etf_cu_qty prdt_name prdt_name120
    prdt_abrv_name std_pdno prdt_eng_name prdt_eng_name120 prdt_eng_abrv_name dpsi_aptm_erlm_yn
    etf_txtn_type_cd etf_type_cd lstg_abol_dt nwst_odst_dvsn_cd sbst_pric thco_sbst_pric
    thco_sbst_pric_chng_dt tr_stop_yn admn_item_yn thdt_clpr bfdy_clpr clpr_chng_dt
    std_idst_clsf_cd std_idst_clsf_cd_name idx_bztp_lcls_cd_name idx_bztp_mcls_cd_name
    idx_bztp_scls_cd_name ocr_no crfd_item_yn elec_scty_yn issu_istt_cd etf_chas_erng_rt_dbnb
    etf_etn_ivst_heed_item_yn stln_int_rt_dvsn_cd frnr_psnl_lmt_rt lstg_rqsr_issu_istt_cd
    lstg_rqsr_item_cd trst_istt_issu_istt_cd cptt_trad_tr_psbl_yn nxt_tr_stop_yn
""")
